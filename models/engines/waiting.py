"""Waiting: the requests that wait for an engine in this process; those that nobody sits in front of come last.

Knows who goes before whom; decodes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from models.engines.sampler import Row

Entry = tuple[Row, "asyncio.Future[Row]"]

_behind: ContextVar[bool] = ContextVar("behind", default=False)


@contextmanager
def behind() -> Iterator[None]:
    """What is asked of an engine in this block, and in the tasks begun in it, waits for what is asked elsewhere."""
    before = _behind.set(True)
    try:
        yield
    finally:
        _behind.reset(before)


class Waiting:
    """Two queues. Put into on the event loop, taken from in an engine's thread."""

    def __init__(self) -> None:
        self._first: deque[Entry] = deque()
        self._last: deque[Entry] = deque()

    def __bool__(self) -> bool:
        return bool(self._first or self._last)

    def put(self, row: Row, done: asyncio.Future[Row]) -> None:
        """One more, which comes where the block that it is asked in has it: see `behind`."""
        row.behind = _behind.get()
        (self._last if row.behind else self._first).append((row, done))

    def take(self, all: bool = True) -> Entry | None:
        """The next one; without `all`, only of those that go first."""
        for queue in (self._first, self._last) if all else (self._first,):
            try:
                return queue.popleft()
            except IndexError:  # there is none, or it was taken away in this moment
                continue
        return None
