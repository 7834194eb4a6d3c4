"""A workflow may call another as a step: in sequence, in parallel, or in a loop with a cap that it declares."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pipeline_world import TODAY, Passing

from pipeline import (
    ActionNotUnlocked,
    Escalation,
    Journal,
    Progress,
    ReplayMismatch,
    Run,
    Suspend,
    Turn,
    UsageError,
    action,
    step,
    workflow,
)
from pipeline.durable.execution import Execution
from pipeline.events import Event
from pipeline.forms.amending import Amended
from pipeline.run.scope import RunContext

done: list[object] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    done.clear()


@step
async def weigh(item: str) -> int:
    await asyncio.sleep(0.01 / len(item))
    done.append(("weighed", item))
    return len(item)


@action
async def pack(item: str, key: str) -> str:
    done.append(("packed", item, key))
    return f"{item} packed"


@workflow(intent="parcel", actions=[pack])
async def parcel(run: Run, item: str) -> str | Escalation:
    """Pack one item."""
    run.say(f"Packing {item}")
    if await run.step(weigh, item) > 9:
        return Escalation("dock", f"{item} is too heavy.")
    if item == "vase":
        item = await run.ask("Wrapped?", choices=["vase in paper", "vase"])
    return await run.do(pack, item)


@workflow(intent="order", calls={parcel: 3})
async def order(run: Run) -> str:
    """Send what was ordered."""
    raise AssertionError("only its declaration is used")


async def in_order(run: Run) -> list[str]:
    first = await run.call(parcel, "lamp")
    run.say("Half way")
    return [first, await run.call(parcel, "chair")]


async def test_calls_in_sequence_are_nested_steps_and_replay_without_running_again(
    journal: Journal, passing: Passing
) -> None:
    for _ in range(2):
        told: list[Event] = []
        run = passing(told=told)
        run.unlock(order)
        assert await in_order(run) == ["lamp packed", "chair packed"]
    assert [entry[:2] for entry in done if isinstance(entry, tuple)] == [
        ("weighed", "lamp"),
        ("packed", "lamp"),
        ("weighed", "chair"),
        ("packed", "chair"),
    ]
    assert [(step.position, step.name) for step in journal.steps("r1")] == [
        ("1/1", "weigh"),
        ("1/2", "pack"),
        ("1", "call parcel"),
        ("2/1", "weigh"),
        ("2/2", "pack"),
        ("2", "call parcel"),
    ]


async def test_calls_in_parallel_find_their_entries_again(passing: Passing) -> None:
    for _ in range(2):
        run = passing()
        run.unlock(order)
        items = ["lamp", "chair", "rug"]
        packed = await asyncio.gather(*(run.call(parcel, item) for item in items))
        assert packed == [f"{item} packed" for item in items]
    assert len(done) == 6


async def test_equal_calls_are_different_actions(passing: Passing) -> None:
    run = passing()
    run.unlock(order)
    for _ in range(2):
        await run.call(parcel, "lamp")
    keys = [entry[2] for entry in done if isinstance(entry, tuple) and entry[0] == "packed"]
    assert len(set(keys)) == 2


async def test_a_loop_ends_at_its_cap_with_a_person(passing: Passing) -> None:
    run = passing()
    run.unlock(order)
    for _ in range(3):
        await run.call(parcel, "lamp")
    with pytest.raises(Escalation, match="'parcel' was called 3 times"):
        await run.call(parcel, "lamp")
    assert len(done) == 6


@workflow(intent="crate", calls={parcel: 1})
async def crate(run: Run) -> str:
    """Pack a lamp; after that a person changes a form."""
    packed = await run.call(parcel, "lamp")
    if ("amended",) not in done:
        done.append(("amended",))
        raise Amended
    return str(packed)


@workflow(intent="freight", calls={crate: 1})
async def freight(run: Run) -> str:
    """Send a crate."""
    raise AssertionError("only its declaration is used")


async def test_another_pass_inside_counts_its_calls_anew(passing: Passing) -> None:
    run = passing()
    run.unlock(freight)
    assert await run.call(crate) == "lamp packed"
    assert [entry[0] for entry in done if isinstance(entry, tuple)].count("packed") == 1


async def test_a_question_inside_waits_and_goes_on_inside(journal: Journal, passing: Passing) -> None:
    for passes in range(3):
        told: list[Event] = []
        run = passing(told=told)
        run.unlock(order)
        if passes == 0:
            with pytest.raises(Suspend, match="Wrapped"):
                await run.call(parcel, "vase")
            await journal._thread.write(("UPDATE records SET status = 'needs_input'", ()))
            await journal.answer("r1", "vase in paper")
        else:
            assert await run.call(parcel, "vase") == "vase in paper packed"
            # What was asked inside is known outside, whether it ran now or was read from the journal.
            assert [turn.text for turn in run.conversation] == ["one lamp", "Wrapped?", "vase in paper"]
    assert [entry[0] for entry in done if isinstance(entry, tuple)] == ["weighed", "packed"]


async def test_calls_beside_each_other_leave_the_same_turns_in_every_pass(journal: Journal, passing: Passing) -> None:
    heard: list[list[str]] = []

    @workflow(intent="wrap")
    async def wrap(run: Run, item: str) -> str:
        """Wrap one item."""
        await run.step(weigh, item)
        how = await run.ask(f"{item}?", choices=["paper", "foil"])
        heard.append([turn.text for turn in run.conversation])
        return how

    @workflow(intent="gift", calls={wrap: 3})
    async def gift(run: Run) -> str:
        """Send gifts."""
        raise AssertionError("only its declaration is used")

    for answer in ("paper", "foil", "paper", None, None):
        run = passing()
        run.unlock(gift)
        heard.clear()
        try:
            await asyncio.gather(run.call(wrap, "i"), run.call(wrap, "long lamp"))  # the second is the first to ask
            await asyncio.gather(run.call(wrap, "vase"))
        except Suspend:
            await run._execution.positions.close()
            await journal._thread.write(("UPDATE records SET status = 'needs_input'", ()))
            await journal.answer("r1", str(answer))
            continue
        assert answer is None
        said = [turn.text for turn in run.conversation]
        assert said == ["one lamp", "i?", said[2], "long lamp?", said[4], "vase?", "paper"]
        assert sorted(said[2::2][:2]) == ["foil", "paper"]
        # Calls in one gather do not hear each other, a later one hears both.
        assert all(words in (said[:3], [said[0], *said[3:5]], said) for words in heard)


async def test_what_was_said_in_a_call_that_failed_was_said(journal: Journal, passing: Passing) -> None:
    @workflow(intent="give")
    async def give(run: Run) -> Escalation:
        """Give something."""
        return Escalation("desk", await run.ask("What?", choices=["a lamp", "a rug"]))

    @workflow(intent="gift", calls={give: 1})
    async def gift(run: Run) -> str:
        """Send gifts."""
        raise AssertionError("only its declaration is used")

    run = passing()
    run.unlock(gift)
    with pytest.raises(Suspend):
        await run.call(give)
    await journal._thread.write(("UPDATE records SET status = 'needs_input'", ()))
    await journal.answer("r1", "a rug")
    for _ in range(2):
        run = passing()
        run.unlock(gift)
        with pytest.raises(Escalation, match="a rug"):
            await run.call(give)
        assert [turn.text for turn in run.conversation] == ["one lamp", "What?", "a rug"]


async def test_an_abandoned_pass_leaves_no_task_behind(passing: Passing) -> None:
    @workflow(intent="rush", actions=[pack])
    async def rush(run: Run) -> str:
        """Pack while a person changes a form."""

        async def late() -> None:
            await run.step(weigh, "i")
            await run.do(pack, "lamp")

        async def change() -> None:
            await run.step(weigh, "a rather long item")
            if not done.count("amended"):
                done.append("amended")
                raise Amended

        await asyncio.gather(late(), change())
        return "sent"

    run = passing()
    run.unlock(rush)
    assert await run.serve(rush) == "sent"
    assert [entry[:2] for entry in done if isinstance(entry, tuple)].count(("packed", "lamp")) == 1


async def test_updates_are_told_once(journal: Journal, tmp_path: Path) -> None:
    told: list[str] = []

    def tell(event: Event) -> None:
        journal.tell(event)
        if isinstance(event, Progress):
            told.append(event.text)

    journal.begin("r1", "[]", TODAY)
    for _ in range(2):
        execution = Execution("r1", journal, TODAY, tmp_path, journal.past("r1"), tell)
        run = Run.begin(RunContext(execution), [Turn("customer", "one lamp")])
        run.unlock(order)
        await in_order(run)
        assert await journal.writable()  # events are not waited for, and written before this
    assert told == ["Packing lamp", "Half way", "Packing chair"]


async def test_an_escalation_inside_is_one_outside(passing: Passing) -> None:
    run = passing()
    run.unlock(order)
    with pytest.raises(Escalation, match="grand piano is too heavy"):
        await run.call(parcel, "grand piano")


async def test_what_is_not_listed_cannot_be_called(passing: Passing) -> None:
    run = passing()
    run.unlock(parcel)
    with pytest.raises(
        ActionNotUnlocked, match=r"'parcel' does not unlock the workflow 'parcel': list it in @workflow\(calls"
    ):
        await run.call(parcel, "lamp")
    run.unlock(order)
    with pytest.raises(ActionNotUnlocked, match="does not unlock the action 'pack'"):
        await run.do(pack, "lamp")  # the caller does not get the called workflow's actions
    assert not done


async def test_a_call_that_changed_is_named(passing: Passing) -> None:
    run = passing()
    run.unlock(order)
    await run.call(parcel, "lamp")
    again = passing()
    again.unlock(order)
    with pytest.raises(ReplayMismatch, match=r"step 1: the journal holds 'call parcel'.*its arguments differ"):
        await again.call(parcel, "chair")


def test_calls_are_workflows() -> None:
    with pytest.raises(UsageError, match="among its calls: give workflows"):

        @workflow(intent="odd", calls=[weigh])  # type: ignore[list-item]
        async def odd(run: Run) -> str:
            """Do odd things."""
            return ""
