"""Waiting: the requests that wait for an engine in this process, people's apart from those of the background.

Knows who goes before whom; decodes nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator

from models.background import background
from models.engines.sampler import Row

Entry = tuple[Row, "asyncio.Future[Row]"]


class Waiting:
    """Two queues. Put into on the event loop, taken from in an engine's thread."""

    def __init__(self) -> None:
        self._first: deque[Entry] = deque()
        self._last: deque[Entry] = deque()
        self._come = threading.Event()

    def __bool__(self) -> bool:
        return bool(self._first or self._last)

    def put(self, row: Row, done: asyncio.Future[Row]) -> None:
        """One more, of the background where it is asked in such work."""
        row.background = background()
        (self._first if row.background is None else self._last).append((row, done))
        self._come.set()

    def take(self, last: bool) -> Entry | None:
        """The next one of people, or, with `last`, of the background."""
        try:
            return (self._last if last else self._first).popleft()
        except IndexError:
            return None

    def all(self) -> Iterator[Entry]:
        """Take all of them out."""
        for last in (False, True):
            while (entry := self.take(last)) is not None:
                yield entry

    @property
    def crowded(self) -> bool:
        """Whether one of people waits."""
        return bool(self._first)

    def wait(self, seconds: float) -> None:
        """Until one more is put in, but no longer than this."""
        self._come.wait(seconds)
        self._come.clear()
