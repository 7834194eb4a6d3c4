"""Whose turn it is of the runs that wait."""

from __future__ import annotations

import asyncio

from pipeline.service.run_turns import RunTurns


class Runs:
    """Runs that last until they are told to end, or to give way."""

    def __init__(self, most: int) -> None:
        self.turns = RunTurns(most, self._serve, self._give_way)
        self.served: list[str] = []
        self.owners: dict[str, str] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._again: set[str] = set()

    def put(self, *names: str) -> None:
        """Runs "owner number"."""
        for name in names:
            self.turns.put(name, name.split()[0])

    async def end(self, *names: str) -> list[str]:
        """End some; those that are served then."""
        for name in names:
            self._ends[name].set()
        for _ in range(10):
            await asyncio.sleep(0)
        return self.served

    async def _serve(self, run: str) -> None:
        self.served.append(run)
        self._ends[run] = asyncio.Event()
        await self._ends[run].wait()
        self.served.remove(run)
        if run in self._again:
            self._again.discard(run)
            self.put(run)

    def _give_way(self, run: str) -> bool:
        self._again.add(run)
        self._ends[run].set()
        return True


async def test_one_alone_is_served_in_order() -> None:
    runs = Runs(2)
    runs.put("a 1", "a 2", "a 3", "a 3", "a 4")
    assert await runs.end() == ["a 1", "a 2"]
    assert runs.turns.waiting() == runs.turns.waiting("a") == 2
    assert await runs.end("a 1") == ["a 2", "a 3"]
    assert await runs.end("a 2", "a 3") == ["a 4"]
    assert await runs.end("a 4") == []


async def test_another_one_has_not_to_wait_for_all_of_them() -> None:
    runs = Runs(1)
    runs.put("a 1", "a 2", "a 3", "b 1", "b 2")
    order = []
    for _ in range(5):
        (run,) = await runs.end()
        order.append(run)
        await runs.end(run)
    assert order == ["a 1", "b 1", "a 2", "b 2", "a 3"]


async def test_whoever_has_several_gives_the_latest_back() -> None:
    runs = Runs(3)
    runs.put("a 1", "a 2", "a 3", "a 4")
    assert await runs.end() == ["a 1", "a 2", "a 3"]
    runs.put("b 1", "c 1", "d 1")
    assert await runs.end() == ["a 1", "b 1", "c 1"]
    assert runs.turns.waiting("a") == 3
    assert await runs.end("b 1") == ["a 1", "c 1", "d 1"]
    assert await runs.end("c 1", "d 1") == ["a 1", "a 4", "a 3"]


async def test_who_waits_is_not_served_when_it_is_closed() -> None:
    runs = Runs(1)
    runs.put("a 1", "a 2")
    await runs.end()
    await runs.turns.close(0.01)
    assert (runs.served, runs.turns.waiting()) == (["a 1"], 1)
