"""FairSlots: so many messages are served at once, and whoever has the fewest of them under way gets the next slot.

Knows owners and numbers. First come, first served would let one customer's hundred long messages hold up everybody
who writes after them (max-min fairness: Bertsekas and Gallager, Data Networks, 6.5.2).
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class FairSlots:
    """`async with slots.slot(owner):` waits for one and holds it. Of one event loop."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._turn = count()
        self._served: dict[str, int] = {}
        """When each got their last: between two who hold as many, it is the other's turn."""

    @asynccontextmanager
    async def slot(self, owner: str) -> AsyncIterator[None]:
        """One slot for the length of a block; of one owner's, whoever waited longest comes first."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(given)
        self._hand_out()
        try:
            await given
        except asyncio.CancelledError:
            if given.cancelled():
                self._leave(owner, given)
            else:  # it was given one in the same moment
                self._release(owner)
            raise

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        self._hand_out()
        if not self._held[owner]:
            del self._held[owner]
            if owner not in self._waiting:
                self._served.pop(owner, None)

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            owner = min(self._waiting, key=lambda one: (self._held[one], self._served.get(one, -1)))
            given = self._waiting[owner].popleft()
            if not self._waiting[owner]:
                del self._waiting[owner]
            if given.cancelled():
                continue
            self._free -= 1
            self._held[owner] += 1
            self._served[owner] = next(self._turn)
            given.set_result(None)

    def _leave(self, owner: str, given: asyncio.Future[None]) -> None:
        queue = self._waiting.get(owner)
        if queue is not None and given in queue:
            queue.remove(given)
            if not queue:
                del self._waiting[owner]
