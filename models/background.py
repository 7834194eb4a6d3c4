"""Background: work that nobody sits in front of, such as a run's. It stands back while people wait, but for a share.

Knows who is there and whose time it is; does not know what is worked at. What is begun in a block of `Background.work`,
tasks and threads included, is of the background; all else is of people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PART = 0.1
"""Of a worker's time, for the background while people wait without an end: it goes on, at a tenth of its pace."""
MOST = 0.5
"""The largest part: people's work and the background's in turn."""
AT_ONCE = 2
"""Calls of the background in threads at a time: what a person asks for waits behind as many. The encoder takes one
after the other, so that more of them would gain nothing."""

_background: ContextVar[Background | None] = ContextVar("background", default=None)


class Share:
    """The time of one worker: when it is the background's, while others wait. For one thread."""

    def __init__(self) -> None:
        self._next: float | None = None
        self._rest = 0.0

    def left(self, crowded: bool) -> float:
        """Seconds until the background's next piece of work may begin; 0.0 where nobody else waits.

        A piece is earned before it is done, and taken to last as long as the one before: whoever comes waits for one
        piece at most, and nothing is saved up.
        """
        if not crowded:
            self._next = None
            return 0.0
        now = time.perf_counter()
        if self._next is None:
            self._next = now + self._rest
        return max(0.0, self._next - now)

    def took(self, seconds: float, part: float = PART) -> None:
        """The background has had a piece of so many seconds, and is to have this part of the time."""
        self._rest = seconds * (1 / part - 1)
        if self._next is not None:
            self._next = max(self._next, time.perf_counter()) + self._rest


class Background:
    """`resting`: set while no person waits for anything."""

    def __init__(self, resting: asyncio.Event, part: float = PART) -> None:
        self.part = part
        self._resting = resting
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._share = Share()

    @property
    def crowded(self) -> bool:
        """Whether a person waits. For any thread."""
        return not self._resting.is_set()

    @contextmanager
    def work(self) -> Iterator[None]:
        """A block the work of which is of this background."""
        token = _background.set(self)
        try:
            yield
        finally:
            _background.reset(token)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A block that begins when nobody waits, or when the share has come to it."""
        async with self._slots:
            while (left := self._share.left(self.crowded)) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._resting.wait()
            began = time.perf_counter()
            try:
                yield
            finally:
                self._share.took(time.perf_counter() - began, self.part)


def background() -> Background | None:
    """Whose work this is; None: people's."""
    return _background.get()


_WORKERS = ThreadPoolExecutor(thread_name_prefix="worker")
"""Not asyncio's own, in which files and journals are read: answers do not wait for those."""


async def in_thread(call: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> R:
    """As `asyncio.to_thread`, in threads of its own."""
    return await in_pool(_WORKERS, partial(call, *arguments, **named))


async def in_pool(pool: Executor, work: Callable[[], R]) -> R:
    """What `work` returns or raises, in a thread of `pool`; what is of the background waits for its turn."""
    loop, behind = asyncio.get_running_loop(), background()
    async with nullcontext() if behind is None else behind.turn():
        return await loop.run_in_executor(pool, partial(copy_context().run, work))
