"""Steps: what a request is answered in: of a record, which keeps each, or of nobody, who keeps none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from pydantic import TypeAdapter

from pipeline.durable.note import Note


class Steps(Protocol):
    """What a request is answered in: `Execution`, which keeps each step, or `Fleeting`."""

    @property
    def record(self) -> str:
        """An id of the request."""

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Any:
        """See `Execution.step`."""


class Fleeting:
    """Steps that nobody keeps: of a request whose answer is gone with its connection."""

    def __init__(self, record: str) -> None:
        self.record = record

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Any:
        """Run it."""
        return await execute(Note())
