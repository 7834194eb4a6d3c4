"""A replayed workflow sees what it saw before, or is told exactly what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pipeline_world import TODAY, Passing
from pydantic import TypeAdapter

from pipeline import Escalation, Journal, ReplayMismatch, Run, StepFailed, UsageError, step

calls: list[object] = []


@dataclass(frozen=True)
class Offer:
    price: Decimal
    until: date


@pytest.fixture(autouse=True)
def forget() -> None:
    calls.clear()


@step
async def nothing(number: int) -> None:
    calls.append(number)


@step
async def double(number: int) -> int:
    calls.append(number)
    return 2 * number


@step
async def slow_double(number: int) -> int:
    await asyncio.sleep(0.01 / number)
    calls.append(number)
    return 2 * number


@step
async def offers(number: int) -> tuple[Offer, ...]:
    return (Offer(Decimal("1.10"), TODAY),) * number


@step
async def fails(number: int) -> int:
    calls.append(number)
    raise ValueError("not today")


@step
async def hands_over(number: int) -> int:
    calls.append(number)
    raise Escalation("desk", "too odd")


@step
async def lies(number: int) -> int:
    return "seven"  # type: ignore[return-value]


async def test_a_recorded_step_does_not_run_again_even_if_it_returned_none(passing: Passing) -> None:
    for _ in range(3):
        run = passing()
        assert await run.step(nothing, 1) is None
        assert await run.step(double, 2) == 4
    assert calls == [1, 2]


async def test_a_result_comes_back_as_its_annotated_type(passing: Passing) -> None:
    first = await passing().step(offers, 2)
    assert first == (Offer(Decimal("1.10"), TODAY),) * 2
    assert await passing().step(offers, 2) == first


async def test_equal_calls_are_told_apart_by_their_place(passing: Passing) -> None:
    run = passing()
    assert [await run.step(double, 1), await run.step(double, 1)] == [2, 2]
    run = passing()
    assert [await run.step(double, 1), await run.step(double, 1), await run.step(double, 1)] == [2, 2, 2]
    assert calls == [1, 1, 1]


async def test_another_step_is_a_mismatch_that_names_both(passing: Passing) -> None:
    await passing().step(double, 1)
    with pytest.raises(ReplayMismatch, match=r"step 1: the journal holds 'double' .* called 'nothing'"):
        await passing().step(nothing, 1)


async def test_other_arguments_are_a_mismatch(passing: Passing) -> None:
    await passing().step(double, 1)
    with pytest.raises(ReplayMismatch, match="its arguments differ"):
        await passing().step(double, 2)


async def test_ending_before_the_journal_does_is_a_mismatch(passing: Passing) -> None:
    run = passing()
    await run.step(double, 1)
    await run.step(double, 2)
    run = passing()
    await run.step(double, 1)
    with pytest.raises(ReplayMismatch, match="step 2: the journal holds 'double' but the workflow called 'nothing'"):
        run._execution.completed()


async def test_parallel_steps_replay_whatever_order_they_ended_in(passing: Passing, journal: Journal) -> None:
    async def branch(run: object, number: int) -> list[int]:
        return [await run.step(slow_double, number), await run.step(slow_double, number + 10)]  # type: ignore[attr-defined]

    run = passing()
    first = await asyncio.gather(*(branch(run, n) for n in (1, 2, 3)))
    assert calls != sorted(calls, key=lambda n: int(str(n)) % 10)
    ran = len(calls)
    run = passing()
    assert await asyncio.gather(*(branch(run, n) for n in (1, 2, 3))) == first
    assert len(calls) == ran == 6
    assert {s.position for s in journal.steps("r1")} == {"1.1", "1.2", "2.1", "2.2", "3.1", "3.2"}


async def test_a_failure_is_recorded_and_raised_again_without_running(passing: Passing) -> None:
    for _ in range(2):
        with pytest.raises(StepFailed, match="The step 'fails' failed with ValueError: not today"):
            await passing().step(fails, 1)
    assert calls == [1]


async def test_an_escalation_out_of_a_step_is_recorded_too(passing: Passing) -> None:
    for _ in range(2):
        with pytest.raises(Escalation) as raised:
            await passing().step(hands_over, 1)
        assert raised.value == Escalation("desk", "too odd")
    assert calls == [1]


async def test_a_result_that_is_not_what_was_annotated_is_refused(passing: Passing) -> None:
    with pytest.raises(UsageError, match="'lies' returned str"):
        await passing().step(lies, 1)


async def test_arguments_must_be_data(passing: Passing) -> None:
    with pytest.raises(UsageError, match="pass data, not objects"):
        await passing().step(double, object())


async def test_a_folder_of_results_may_be_moved(passing: Passing, tmp_path: Path) -> None:
    from pipeline.journal.rows import digest

    assert digest([tmp_path / "a" / "b"], tmp_path / "a") == digest([tmp_path / "c" / "b"], tmp_path / "c")


async def test_say_is_told_once(passing: Passing, journal: Journal) -> None:
    from pipeline.events import Progress

    first: list[object] = []
    passing(told=first).say("Searching…")
    assert first == [Progress("r1", "Searching…")]


def test_what_cannot_be_kept_is_refused_when_it_is_declared() -> None:
    with pytest.raises(UsageError, match="not an async function"):
        step(len)  # type: ignore[arg-type]

    async def unannotated():  # type: ignore[no-untyped-def]
        return 1

    with pytest.raises(UsageError, match="no return annotation"):
        step(unannotated)


async def test_what_was_noticed_is_a_step_of_its_own(passing: Passing) -> None:
    for _ in range(2):
        run = passing()
        assert await noticed(run, {"card": "L-1"}) == {"card": "L-1"}
        assert await run.step(double, 2) == 4
    assert [step.name for step in run._execution.steps] == ["read Loan", "double"]


async def test_where_nothing_is_noticed_there_is_no_step(passing: Passing) -> None:
    run = passing()
    assert await noticed(run, {}) == {}
    assert await run.step(double, 2) == 4
    # As in a record of a version that did not look: what is noticed only now changes nothing of it.
    run = passing()
    assert await noticed(run, {"card": "L-1"}) == {}
    assert await run.step(double, 2) == 4
    assert calls == [2]


async def noticed(run: Run, found: dict[str, str]) -> Mapping[str, str]:
    async def find() -> dict[str, str]:
        return found

    return await run._execution.notice("read Loan", ["card"], find, TypeAdapter(dict[str, str]))
