"""What tasks side by side did is told the same way in every pass, whichever of them ended first."""

from __future__ import annotations

import asyncio

from pipeline_world import Passing

from pipeline import Run, step
from pipeline.durable.history import History


@step
async def wait(milliseconds: int) -> int:
    await asyncio.sleep(milliseconds / 1000)
    return milliseconds


async def told(run: Run) -> list[list[object]]:
    """What each of some tasks saw, and what the workflow saw between and after them."""
    history: History[object] = History(run._execution.positions, ["first"])

    async def task(name: str, milliseconds: int) -> list[object]:
        await run.step(wait, milliseconds)
        history.add(f"{name}1")
        inside = [nested(name)] if name == "b" else []
        await asyncio.gather(run.step(wait, milliseconds + 1), *inside)
        history.add(f"{name}2")
        return list(history)

    async def nested(name: str) -> None:
        await run.step(wait, 2)
        history.add(f"{name}, inside")

    seen = await asyncio.gather(task("a", 9), task("b", 1), task("c", 4))
    await run.step(wait, 0)
    later = await asyncio.gather(task("d", 3), task("e", 0))
    return [*seen, *later, list(history)]


async def test_a_task_sees_what_was_there_and_its_own_and_its_parent_sees_all(passing: Passing) -> None:
    first, *others = [await told(passing()) for _ in range(3)]
    before = ["first", "a1", "a2", "b1", "b, inside", "b2", "c1", "c2"]
    assert first == [
        ["first", "a1", "a2"],
        ["first", "b1", "b, inside", "b2"],
        ["first", "c1", "c2"],
        [*before, "d1", "d2"],
        [*before, "e1", "e2"],
        [*before, "d1", "d2", "e1", "e2"],
    ]
    assert others == [first, first]


async def test_a_pass_that_starts_over_keeps_what_its_own_task_did_and_nothing_of_tasks_left_behind(
    passing: Passing,
) -> None:
    run = passing()
    history: History[str] = History(run._execution.positions)

    async def task() -> None:
        await run.step(wait, 0)
        history.add("left behind")

    await run.step(wait, 0)
    history.add("own")
    await asyncio.create_task(task())
    await run._execution.positions.start_over()
    history.add("again")
    assert list(history) == ["own", "again"]
