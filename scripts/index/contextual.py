"""The model of `interlock index build --contextual`: opened when a sentence is wanted, closed with the build."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType

from index.contexts import Surroundings
from models.engines.engine import Engine
from models.engines.open_engine import open_engine
from pipeline.generation.passage_contexts import wording, write_contexts
from scripts.console import tell


class ModelWriter:
    """Has `model` (as `interlock run --model` takes it) write sentences of context. `progress(n)`: so many are written.

    A build that needs none does not open the model.
    """

    def __init__(self, model: str, progress: Callable[[int], None]) -> None:
        self.name = f"{model} {wording()}"
        self._model, self._progress = model, progress
        self._runner, self._stack = asyncio.Runner(), AsyncExitStack()
        self._engine: Engine | None = None
        self._written = 0

    def write(self, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
        """As `index.contexts.ContextWriter`."""

        def one(place: int, sentence: str) -> None:
            made(place, sentence)
            self._written += 1
            self._progress(self._written)

        async def all() -> None:
            if self._engine is None:
                self._engine = await self._stack.enter_async_context(open_engine(self._model, tell))
            await write_contexts(self._engine, asked, one)

        self._runner.run(all())

    def __enter__(self) -> ModelWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
