"""A side effect happens once; where nobody can know whether it did, a person decides."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import Passing

from pipeline import (
    Action,
    ActionNotUnlocked,
    Escalation,
    Journal,
    NotApproved,
    Refused,
    ReplayMismatch,
    Run,
    StepFailed,
    Suspend,
    UsageError,
    action,
    workflow,
)

done: list[str] = []


@action
async def pay(amount: int, key: str) -> str:
    done.append(key)
    if amount == 13:
        raise TimeoutError("no answer")
    if amount == 99:
        await asyncio.Event().wait()
    return f"paid {amount}"


@pay.check
async def paid(key: str) -> str | None:
    return "paid, as the bank says" if key in done else None


@action
async def post(amount: int, key: str) -> str:
    done.append(key)
    if amount == 13:
        raise TimeoutError("no answer")
    if amount == 99:
        await asyncio.Event().wait()
    if amount == 0:
        raise Refused("Nothing to post.")
    return f"posted {amount}"


@action
async def vanish(amount: int, key: str) -> str:
    if key not in done:
        done.append(key)
        raise ConnectionError("before it was sent")
    return "sent"


@action
async def deliver(amount: int, key: str) -> str:
    await asyncio.sleep(0.05)
    done.append(key)
    return f"delivered {amount}"


@vanish.check
async def vanished(amount: int, key: str) -> str | None:
    return None


@workflow(intent="spend", examples=["spend it"], actions=[pay, post, vanish, deliver])
async def spend(run: Run) -> str:
    """Spend money."""
    return ""


@workflow(intent="look", examples=["look"], actions=[])
async def look(run: Run) -> str:
    """Look at money."""
    return ""


@action(approval=True)
async def transfer(amount: int, key: str) -> str:
    done.append(key)
    return f"transferred {amount}"


@workflow(intent="transfer", actions=[transfer])
async def careful(run: Run) -> str:
    """Move money."""
    return ""


@pytest.fixture(autouse=True)
def forget() -> None:
    done.clear()


def unlocked(run: Run) -> Run:
    run.unlock(spend)
    return run


async def in_the_middle() -> None:
    """Wait until the effect has happened."""
    for _ in range(5000):
        if done:
            return
        await asyncio.sleep(0.001)


async def killed_in(run: Run, what: Action[[int, str], str], amount: int) -> None:
    """Start an action and take its process away between the effect and the commit."""
    task = asyncio.create_task(run.do(what, amount))
    await in_the_middle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_action_is_done_once_and_remembered(passing: Passing, journal: Journal) -> None:
    assert await unlocked(passing()).do(pay, 5) == "paid 5"
    assert await unlocked(passing()).do(pay, 5) == "paid 5"
    assert len(done) == 1
    assert [(a.name, a.state, a.arguments) for a in journal.actions()] == [("pay", "committed", "[5]")]


async def test_an_action_that_a_new_pass_broke_off_is_looked_up(passing: Passing) -> None:
    run = unlocked(passing())
    await killed_in(run, pay, 99)
    await run._execution.positions.start_over()
    assert await asyncio.create_task(run.do(pay, 99)) == "paid, as the bank says"
    assert len(done) == 1


async def test_the_same_payment_twice_in_a_workflow_is_two_payments(passing: Passing) -> None:
    run = unlocked(passing())
    await run.do(pay, 5)
    await run.do(pay, 5)
    assert len(set(done)) == 2


async def test_an_intent_that_does_not_list_an_action_cannot_call_it(passing: Passing) -> None:
    run = passing()
    run.unlock(look)
    with pytest.raises(ActionNotUnlocked, match="'look' does not unlock the action 'pay'"):
        await run.do(pay, 5)
    with pytest.raises(UsageError, match=r"call it with run\.do"):
        await unlocked(run).step(pay, 5, key="k")
    assert done == []


async def test_after_a_crash_the_check_finds_what_happened(passing: Passing, journal: Journal) -> None:
    await killed_in(unlocked(passing()), pay, 99)
    assert journal.actions()[0].state == "reserved"
    assert await unlocked(passing()).do(pay, 99) == "paid, as the bank says"
    assert len(done) == 1
    assert journal.actions()[0].state == "committed"


async def test_after_a_crash_before_the_effect_it_is_done(passing: Passing, journal: Journal) -> None:
    await killed_in(unlocked(passing()), pay, 99)
    keys = done.copy()
    done.clear()  # the bank never saw it
    run = unlocked(passing())
    task = asyncio.create_task(run.do(pay, 99))
    await in_the_middle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert done == keys  # the same key again


async def test_after_a_crash_without_a_check_a_person_decides(passing: Passing, journal: Journal) -> None:
    await killed_in(unlocked(passing()), post, 99)
    for _ in range(2):
        with pytest.raises(Escalation, match="uncertain: whether 'post' happened is not known"):
            await unlocked(passing()).do(post, 99)
    assert len(done) == 1
    assert journal.actions()[0].state == "reserved"


async def test_an_error_after_the_effect_is_looked_up(passing: Passing) -> None:
    assert await unlocked(passing()).do(pay, 13) == "paid, as the bank says"


async def test_an_error_without_a_check_is_uncertain(passing: Passing) -> None:
    with pytest.raises(Escalation, match="TimeoutError: no answer"):
        await unlocked(passing()).do(post, 13)


async def test_an_error_that_the_check_knows_had_no_effect_is_a_failure(passing: Passing, journal: Journal) -> None:
    for _ in range(2):
        with pytest.raises(StepFailed, match="before it was sent"):
            await unlocked(passing()).do(vanish, 1)
    assert journal.actions()[0].state == "refused"


async def test_refused_means_nothing_was_done(passing: Passing, journal: Journal) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match=r"^Nothing to post\.$"):
            await unlocked(passing()).do(post, 0)
    assert len(done) == 1
    assert journal.actions()[0].state == "refused"


def test_an_action_needs_its_key(tmp_path: Path) -> None:
    async def keyless(amount: int) -> str:
        return ""

    with pytest.raises(UsageError, match="takes no `key: str`"):
        action(keyless)


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        ("amount, to='me', *, key", True),
        ("*rest, key", True),
        ("key", True),
        ("amount, to, *, key", False),  # asked without `to`, as the action may be
        ("amount, *, to='me', key", False),
        ("key, amount, to='me'", False),
        ("amount, to='me'", False),
    ],
)
def test_a_check_that_could_not_be_asked_after_a_crash_is_refused_at_once(parameters: str, fits: bool) -> None:
    @action
    async def send(amount: int, to: str = "me", *, key: str) -> str:
        return ""

    made: dict[str, Any] = {}
    exec(f"async def sent({parameters}): ...", made)
    if fits:
        assert send.check(made["sent"]) is send.checker
        return
    with pytest.raises(UsageError, match="The check of 'send' cannot be asked with the arguments of 'send'"):
        send.check(made["sent"])


async def answered(journal: Journal, text: str) -> None:
    await journal._thread.write(("UPDATE records SET status = 'needs_input'", ()))
    await journal.answer("r1", text)


async def test_an_approval_counts_for_exactly_the_arguments_that_were_shown(journal: Journal, passing: Passing) -> None:
    async def approved(amount: int, asked: int) -> str:
        run = passing()
        run.unlock(careful)
        if not await run.approve(transfer, asked, question=f"Transfer {asked}?"):
            return "not transferred"
        return await run.do(transfer, amount)

    with pytest.raises(Suspend, match=r"Transfer 5\?"):
        await approved(5, 5)
    await answered(journal, "yes")
    with pytest.raises(NotApproved, match="'transfer' needs a person's approval of exactly these arguments"):
        await approved(6, 5)
    assert not done
    assert await approved(5, 5) == "transferred 5"
    (row,) = journal.actions()
    assert (row.intent, row.state, row.arguments) == ("transfer", "committed", "[5]")
    assert row.approval is not None
    with pytest.raises(ReplayMismatch):  # the yes was about 5
        await approved(6, 6)


async def test_a_no_is_no_approval(journal: Journal, passing: Passing) -> None:
    async def attempt() -> str:
        run = passing()
        run.unlock(careful)
        await run.approve(transfer, 5, question="Transfer 5?")
        return await run.do(transfer, 5)

    with pytest.raises(Suspend):
        await attempt()
    await answered(journal, "no")
    with pytest.raises(NotApproved):
        await attempt()
    assert not journal.actions()


async def test_an_action_under_way_comes_to_its_end_when_another_task_asks(passing: Passing, journal: Journal) -> None:
    async def act(run: Run) -> None:
        await run.do(deliver, 1)
        await run.do(deliver, 2)

    for happened in (1, 2, 2):  # nothing is begun behind the one that was under way
        run = unlocked(passing())
        with pytest.raises(Suspend):
            await asyncio.gather(act(run), run.ask("Which colour?"))
        await run._execution.positions.close()
        assert len(done) == happened
        assert [row.state for row in journal.actions()] == ["committed"] * happened


async def test_whoever_is_cancelled_does_not_wait_for_an_action_beside(passing: Passing, journal: Journal) -> None:
    run = unlocked(passing())

    async def stopped() -> None:
        beside = asyncio.create_task(run.do(pay, 99))
        try:
            await asyncio.Event().wait()
        finally:
            await run._execution.positions.close()
            assert beside.cancelled()

    task = asyncio.create_task(stopped())
    await in_the_middle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal.actions()[0].state == "reserved"
