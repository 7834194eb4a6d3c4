"""RunTurns: whose turn it is of the runs that wait: so many are served at once, and whoever has the fewest of them
served comes next. Where somebody waits who has none, one who has several gives the latest of them back.

Knows names and owners; does not know what serving a run is (run_passes.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from pipeline.chat.fair_slots import FairSlots

log = logging.getLogger("interlock.service")


class RunTurns:
    """`serve(run)` is awaited for each in its turn. `give_way(run)`: end a turn early, and put the run in again;
    whether it does. Of one event loop.
    """

    def __init__(
        self, most: int, serve: Callable[[str], Awaitable[None]], give_way: Callable[[str], bool] = lambda run: False
    ) -> None:
        self._most = most
        self._slots = FairSlots(most)
        self._serve = serve
        self._give_way = give_way
        self._waiting: dict[str, str] = {}
        self._served: dict[asyncio.Task[None], tuple[str, str]] = {}
        """Run and owner of each turn, the one that was begun last at the end."""
        self._leaving: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def waiting(self, owner: str | None = None) -> int:
        """How many runs wait for their turn; of one owner, or of all."""
        return len(self._waiting) if owner is None else sum(whose == owner for whose in self._waiting.values())

    def put(self, run: str, owner: str) -> None:
        """Have a run wait for its turn, behind the owner's others; nothing for one that waits already."""
        if run in self._waiting:
            return
        self._waiting[run] = owner
        task = asyncio.create_task(self._turn(run, owner))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._make_room()

    async def close(self, seconds: float) -> None:
        """Begin no other turn, and end those that do not come to their end in time."""
        for task in self._tasks - self._served.keys():
            task.cancel()
        if self._served:
            await asyncio.wait(self._served, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _turn(self, run: str, owner: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        async with self._slots.slot(owner):
            del self._waiting[run]
            self._served[task] = run, owner
            self._make_room()
            try:
                await self._serve(run)
            finally:
                del self._served[task]

    def _make_room(self) -> None:
        held = Counter(owner for _, owner in self._served.values())
        if len(self._served) < self._most or self._leaving is not None or all(map(held.get, self._waiting.values())):
            return
        crowd, number = held.most_common(1)[0]
        latest = next(task for task, (_, owner) in reversed(self._served.items()) if owner == crowd)
        if number > 1 and self._give_way(self._served[latest][0]):
            self._leaving = latest

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task is self._leaving:
            self._leaving = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("A run's turn ended", exc_info=error)
        self._make_room()
