"""ConcurrencyLimit: how many records are in flight at once. Fixed, or found from how busy the servers say they are.

Knows how to let records in and when more or fewer pay; does not know what a record is, nor how a load is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType

from models.engines.engine import Engine
from models.engines.load import Load, load_of
from models.errors import EngineError, EngineUnavailable

START = 16
"""The level to begin with, and to stay at where servers do not say how busy they are."""
MOST = 1024
"""The highest level to be found: four times what a vLLM server decodes at once unless it is told otherwise."""

PERIOD = 0.5
"""Seconds between two looks at the servers: long against the milliseconds that a look costs, short against a record."""
LOOKS = 2
"""Looks that a decision needs. The shortest of their queues counts, as in CoDel (RFC 8289): a burst of requests shows
in one of them, a standing queue in all."""
MORE = 1.25
"""How much more than ever before has to run to count as more: looks are at chance moments, and scatter."""


class ConcurrencyLimit:
    """Slots for records: `async with level.slot():` waits for one and holds it. Inside `async with level:` it is kept
    up to date.

    Additive increase, multiplicative decrease. While all slots are taken and the queue is shorter than a
    sixteenth of what is running (one for each server at least), the level doubles until such a queue was seen once, and
    then grows by a sixteenth. A queue longer than an eighth (two for each server) lowers it by an eighth; once so few
    records are in flight, it may fall again. In between the queues are just not empty, and it stays. A sixteenth, since
    a request whose grammar is being compiled is counted as waiting too, for a step or two.

    It never exceeds twice the level at which more was running than ever before: what is in flight beyond that waits
    where nobody counts it, in this process or at the servers' doors, and enough of it makes connections fail.
    """

    def __init__(
        self,
        start: int = START,
        load: Callable[[], Awaitable[Load | None]] | None = None,
        progress: Callable[[str], None] = lambda text: None,
        period: float = PERIOD,
    ) -> None:
        """`start` slots, for good unless there is a `load`: it is asked every `period` seconds, may raise
        EngineUnavailable while nobody answers (then the level stays), and gives None where nothing can be known (then
        it stays for good). `progress` is told where the level goes."""
        self.now = start
        self.most = start if load is None else MOST
        self._load = load
        self._progress = progress
        self._period = period
        self._slots = asyncio.Semaphore(start)
        self._surplus = 0  # slots to be taken out of use as they come free
        self._taken = 0
        self._queued = False  # whether a queue was ever seen
        self._best = (0, start)  # the most that ever ran, and at which level
        self._told = start
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    def auto(cls, engine: Engine, progress: Callable[[str], None] = lambda text: None) -> ConcurrencyLimit:
        """The level that keeps the queues of an engine's servers just not empty; `START` where they do not tell."""
        return cls(START, lambda: load_of(engine), progress)

    async def __aenter__(self) -> ConcurrencyLimit:
        if self._load is not None:
            self._keeper = asyncio.create_task(self._keep(self._load))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            if not self._keeper.cancelled():
                self._keeper.result()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One slot for the length of a block. Whoever waited longest gets the next one."""
        await self._slots.acquire()
        while self._surplus:
            self._surplus -= 1
            await self._slots.acquire()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            if self._surplus:
                self._surplus -= 1
            else:
                self._slots.release()

    async def _keep(self, load: Callable[[], Awaitable[Load | None]]) -> None:
        seen: list[Load] = []
        while True:
            try:
                found = await load()
            except EngineUnavailable:  # whoever calls it waits for it, and says so
                seen.clear()
            except EngineError as error:
                self._progress(f"The concurrency stays at {self.now}: {error.what}")
                return
            else:
                if found is None:
                    self._progress(f"The concurrency stays at {self.now}: the engine does not say how busy it is.")
                    return
                seen.append(found)
                if found.running > MORE * self._best[0]:
                    self._best = (found.running, self.now)
            if len(seen) == LOOKS:
                self._decide(min(seen, key=lambda one: one.waiting))
                seen.clear()
            await asyncio.sleep(self._period)

    def _decide(self, load: Load) -> None:
        if load.waiting < max(load.servers, load.running // 16):
            if self._slots.locked():  # else there are no records for more slots
                step = max(load.servers, self.now // 16) if self._queued else self.now
                self._set(max(self.now, min(self.now + step, 2 * self._best[1], MOST)))
        else:
            self._queued = True
            if load.waiting > max(2 * load.servers, load.running // 8) and self._taken <= self.now:
                self._set(max(self.now - max(self.now // 8, 1), 1))
        if not 2 / 3 < self.now / self._told < 3 / 2:
            self._told = self.now
            self._progress(
                f"Concurrency {self.now}: {load.running} requests are being served, {load.waiting} wait at the server."
            )

    def _set(self, level: int) -> None:
        self._surplus += max(self.now - level, 0)
        for _ in range(level - self.now):
            if self._surplus:
                self._surplus -= 1
            else:
                self._slots.release()
        self.now = level
