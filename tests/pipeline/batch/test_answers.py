"""Parked records wait with a question in a file, and go on with answers from a file; a bad answer changes nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from models import Contract, Said
from models.engines.engine import Completion, Enforcement, Sampling, Usage
from models.engines.profiles import Profile
from pipeline import (
    App,
    Equipment,
    Escalation,
    Journal,
    JournalError,
    Launch,
    Run,
    Summary,
    UsageError,
    action,
    read_requests,
    run_batch,
    workflow,
)
from pipeline.batch.answers import apply
from pipeline.batch.requests import BadLine
from pipeline.journal.rows import StepRow


async def run(app: App, source: Path | None, out: Path, **options: object) -> Summary:
    requests = None if source is None else read_requests(source)
    return await run_batch(app, requests, out, today=None if source is None else TODAY, **options)  # type: ignore[arg-type]


async def answer(out: Path, app: App, *rows: object) -> tuple[list[str], list[BadLine]]:
    path = out.parent / "answers.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    async with Journal.open(out / "journal.sqlite") as journal:
        return await apply(lambda id: journal, path, app)


async def test_questions_are_exported_and_answers_let_only_those_records_go_on(shop: App, tmp_path: Path) -> None:
    texts = {f"q{n}": "tell me which" for n in range(200)} | {"done": "one lamp"}
    source, out = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out"
    await run(shop, source, out)
    asked = lines(out / "questions.jsonl")
    assert {row["custom_id"] for row in asked} == {f"q{n}" for n in range(200)}
    assert next(row for row in asked if row["custom_id"] == "q0") == {
        "custom_id": "q0",
        "question": "Which item?",
        "field": "item",
        "schema": {"enum": ["lamp", "chair"]},
        "choices": ["lamp", "chair"],
    }
    good = [{"custom_id": f"q{n}", "answer": "chair"} for n in range(195)]
    wrong = [{"custom_id": f"q{n}", "answer": "the blue one"} for n in range(195, 200)]
    bad = [
        *wrong,
        {"custom_id": "nobody", "answer": "chair"},
        {"custom_id": "done", "answer": "chair"},
        {"custom_id": "q199"},
        "{not json",
        {"custom_id": "q0", "answer": "lamp"},
    ]
    answered, left_out = await answer(out, shop, *good, *bad)
    assert answered == [f"q{n}" for n in range(195)]
    assert [error.line for error in left_out] == [*range(196, 206)]
    reasons = [error.reason for error in left_out]
    assert reasons[:5] == ['"the blue one" is no answer to "Which item?". Choose one of: lamp, chair.'] * 5
    assert reasons[5] == "There is no record 'nobody'."
    assert reasons[6] == "Record 'done' does not wait for an answer: it is completed."
    assert 'no "answer"' in reasons[7]
    assert "not JSON" in reasons[8]
    assert reasons[9] == "Record 'q0' was answered in line 1."
    summary = await run(shop, None, out)
    assert (summary.finished, summary.statuses["completed"], summary.statuses["needs_input"]) == (195, 196, 5)
    assert {row["custom_id"] for row in lines(out / "questions.jsonl")} == {f"q{n}" for n in range(195, 200)}


class Visit(Contract):
    day: Said[date]
    nights: int
    town: Said[str]


@workflow(intent="visit", examples=["a visit"])
async def visit(run: Run) -> str:
    """Plan a visit."""
    values: dict[str, object] = {"day": None, "nights": None, "town": None}
    form, _ = await run._scope.filling.collect(Visit, values, ())
    return f"{form.town} on {form.day} for {form.nights}"


async def test_an_answer_is_checked_against_its_field(tmp_path: Path) -> None:
    app, out = App("visits", [visit]), tmp_path / "out"
    source = write_requests(tmp_path / "in.jsonl", {"a": "a visit"})
    await run(app, source, out)
    (row,) = lines(out / "questions.jsonl")
    assert (row["field"], row["schema"]["type"], row["choices"]) == ("day", "string", None)
    for wrong in ("soon", "x", "lamps"):
        assert (await answer(out, app, {"custom_id": "a", "answer": wrong}))[0] == []
    assert (await answer(out, app, {"custom_id": "a", "answer": "5 December"}))[0] == ["a"]


async def test_an_answer_may_be_a_number_or_a_truth_value(shop: App, tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "answers.jsonl"
    rows = [{"custom_id": "r1", "answer": value} for value in (3, True, 2.5, [], None)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, bad = await apply(lambda id: journal, path, shop)
    assert [error.reason == "There is no record 'r1'." for error in bad] == [True, True, True, False, False]


@pytest.mark.parametrize("content", [None, b"", b"\n \n"])
async def test_a_file_without_answers_is_one_sentence(
    shop: App, tmp_path: Path, journal: Journal, content: bytes | None
) -> None:
    path = tmp_path / "answers.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot be read|is empty"):
        await apply(lambda id: journal, path, shop)


async def test_what_was_handed_over_is_exported_with_all_that_is_known_and_can_be_closed(
    shop: App, tmp_path: Path
) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "get me a human"}), tmp_path / "out"
    await run(shop, source, out)
    (row,) = lines(out / "escalations.jsonl")
    assert (row["custom_id"], row["to"], row["reason"]) == ("a", "desk", "The customer wants a human.")
    assert row["transcript"] == [{"role": "customer", "text": "get me a human"}]
    assert row["attempts"] == row["evidence"] == row["actions"] == []
    assert await answer(out, shop, {"custom_id": "a", "answer": "Called back, all is well."}) == (["a"], [])
    summary = await run(shop, None, out)
    assert summary.statuses == {"completed": 1, "needs_input": 0, "escalated": 0, "failed": 0}
    (result,) = lines(out / "results.jsonl")
    assert result["message"] == "Called back, all is well."
    assert not lines(out / "escalations.jsonl")
    async with Journal.open(out / "journal.sqlite") as journal:
        with pytest.raises(JournalError, match="not with a person"):
            await journal.resolve("a", "again")


SENT: list[str] = []


@action
async def wire(amount: int, key: str) -> int:
    SENT.append(key)
    if len(SENT) == 1:
        raise TimeoutError("no answer from the bank")
    return 100 + amount


@workflow(intent="pay", examples=["pay 5"], actions=[wire])
async def pay(run: Run) -> str:
    """Pay an amount."""
    return f"Paid under {await run.do(wire, int(run.text.split()[-1]))}."


@pytest.mark.parametrize("happened", [True, False])
async def test_a_person_settles_whether_an_action_happened(tmp_path: Path, happened: bool) -> None:
    SENT.clear()
    app, out = App("bank", [pay]), tmp_path / "out"
    source = write_requests(tmp_path / "in.jsonl", {"a": "pay 5", "b": "pay 6"})
    await run(app, source, out)
    (row,) = lines(out / "escalations.jsonl")
    assert row["reason"].startswith("uncertain: whether 'wire' happened is not known")
    assert [action["state"] for action in row["actions"]] == ["reserved"]
    assert (await run(app, source, out, retry=["a"])).statuses["escalated"] == 1  # nothing is repeated unasked
    assert len(SENT) == 2
    bad = [
        {"custom_id": "a", "happened": "yes"},
        {"custom_id": "a", "happened": True, "answer": "yes"},
        {"custom_id": "a", "happened": False, "result": 7},
        {"custom_id": "a", "answer": "yes", "result": 7},
        {"custom_id": "a", "happened": True, "key": "nothing like it"},
        {"custom_id": "a", "happened": True, "result": "not a number"},
        {"custom_id": "a", "happened": True},
        {"custom_id": "b", "happened": True, "result": 7},
        {"custom_id": "c", "happened": True, "result": 7},
    ]
    answered, left_out = await answer(out, app, *bad)
    assert (answered, len(left_out)) == ([], len(bad))
    found = {"happened": True, "result": 777} if happened else {"happened": False}
    assert await answer(out, app, {"custom_id": "a", **found}) == (["a"], [])
    async with Journal.open(out / "journal.sqlite") as journal:
        (wired,) = journal.actions("a")
        assert (wired.state, wired.result) == (("committed", "777") if happened else ("refused", None))
    summary = await run(app, source, out, retry=[] if happened else ["a"])
    assert summary.statuses["completed"] == 2
    messages = {row["custom_id"]: row["message"] for row in lines(out / "results.jsonl")}
    assert messages["a"] == ("Paid under 777." if happened else "Paid under 105.")
    assert len(SENT) == (2 if happened else 3)


class Payment(Contract):
    amount: int = Field(ge=1, le=9)


class Clerk:
    """An engine that gives one answer, and counts how often it was asked."""

    name = "clerk"
    profile = Profile("clerk", context=4096)
    identity = "none"
    enforcement: Enforcement = "grammar"
    canary = None

    def __init__(self) -> None:
        self.seeds: list[int] = []

    async def generate(self, messages: object, grammar: object, sampling: Sampling, *more: object) -> Completion:
        self.seeds.append(sampling.seed)
        return Completion('{"amount":5}', "stop", Usage(1, 1), 0.0)

    async def close(self) -> None: ...


@workflow(intent="pay", examples=["pay 5"], actions=[wire])
async def pay_what_is_meant(run: Run) -> str:
    """Pay what a model reads."""
    paid = [await run.do(wire, (await run.generate(Payment, f"How much, for the time {n}?")).amount) for n in range(2)]
    return f"Paid under {paid}."


async def test_a_retry_goes_on_behind_what_a_model_said_before(tmp_path: Path) -> None:
    SENT.clear()
    clerk, app, out = Clerk(), App("bank", [pay_what_is_meant]), tmp_path / "out"
    source = write_requests(tmp_path / "in.jsonl", {"a": "pay what I owe"})
    given = {"equipment": Equipment(engine=clerk)}
    await run(app, source, out, **given)
    assert await answer(out, app, {"custom_id": "a", "happened": False}) == (["a"], [])
    summary = await run(app, source, out, retry=["a"], **given)
    assert (summary.statuses["completed"], len(SENT)) == (1, 3)
    # Once for the first payment, kept; once for the second, which was never reached before the retry.
    first, second = clerk.seeds
    assert first != second
    (row,) = lines(out / "results.jsonl")
    assert row["message"] == "Paid under [105, 105]."


async def test_failed_and_escalated_records_can_be_served_once_more(shop: App, tmp_path: Path) -> None:
    texts = {"a": "something broken", "b": "get me a human", "c": "one lamp", "d": "tell me which"}
    source, out = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out"
    await run(shop, source, out)
    assert (await run(shop, source, out, retry=["failed"])).finished == 1
    assert (await run(shop, source, out, retry=["escalated"])).finished == 1
    assert (await run(shop, source, out, retry=["c", "a"])).finished == 2
    with pytest.raises(JournalError, match="no finished record 'x' to retry"):
        await run(shop, source, out, retry=["x", "a"])
    rows = {row["custom_id"]: row["status"] for row in lines(out / "results.jsonl")}
    assert rows == {"a": "failed", "b": "escalated", "c": "completed", "d": "needs_input"}
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM sales").fetchone() == (1,)  # a retry repeats no action
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        assert dict(database.execute("SELECT id, retries FROM records")) == {"a": 2, "b": 1, "c": 1, "d": 0}


async def test_a_retry_keeps_what_came_before_the_failure(journal: Journal) -> None:
    journal.begin("r1", "[]", TODAY)
    error = json.dumps({"kind": "ValueError", "message": "no"})
    await journal.keep("r1", StepRow("1", "route", "d", 0, "1", started=1.0, seconds=0.5))
    await journal.keep("r1", StepRow("2", "offer", "d", 0, None, error, started=2.0, seconds=0.5))
    await journal.keep("r1", StepRow("3", "after", "d", 0, "1", started=3.0, seconds=0.5))
    await journal._thread.write(("UPDATE records SET status = 'failed', outcome = '{}'", ()))
    await journal.retry(["r1"])
    assert [step.name for step in journal.steps("r1")] == ["route"]


async def test_a_folder_goes_on_with_changes_only_when_they_are_accepted(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "one lamp"}), tmp_path / "out"
    await run(shop, source, out)
    with pytest.raises(UsageError, match=r"the sampling seed: 0 → 7.*--accept-changes"):
        await run(shop, source, out, launch=Launch(seed=7))
    await run(shop, source, out, launch=Launch(seed=7), accept_changes=True)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["accepted"][0]["changes"] == [["the sampling seed", 0, 7]]
    assert (await run(shop, source, out, launch=Launch(seed=7))).finished == 0


async def test_a_stop_lets_what_is_under_way_come_to_its_end(shop: App, tmp_path: Path) -> None:
    import asyncio

    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(40)})
    stop, out = asyncio.Event(), tmp_path / "out"
    seen: list[str] = []

    def finished(outcome: object) -> None:
        seen.append(str(outcome))
        if len(seen) == 10:
            stop.set()

    summary = await run(shop, source, out, stop=stop, on_outcome=finished, launch=Launch(concurrency=4))
    assert 10 <= summary.finished < 20
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM records WHERE status IS NULL").fetchone() == (0,)
    assert (await run(shop, source, out)).records == 40


async def test_nobody_escalates_in_vain(tmp_path: Path) -> None:
    @workflow(intent="give up", examples=["give up"])
    async def give_up(run: Run) -> Escalation:
        """Give up."""
        return Escalation("desk", "No.")

    out = tmp_path / "out"
    await run(App("quitter", [give_up]), write_requests(tmp_path / "in.jsonl", {"a": "give up"}), out)
    assert lines(out / "escalations.jsonl")[0]["reason"] == "No."


async def test_an_answer_may_be_the_number_of_a_choice_as_in_a_chat(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "tell me which", "b": "tell me which"}), tmp_path / "out"
    await run(shop, source, out)
    answered, bad = await answer(out, shop, {"custom_id": "a", "answer": 2}, {"custom_id": "b", "answer": "3"})
    assert (answered, len(bad)) == (["a"], 1)
    await run(shop, None, out)
    assert {row["custom_id"]: row["message"] for row in lines(out / "results.jsonl")}["a"] == "sold chair for 9.90"


async def test_the_same_file_may_be_given_again_after_a_kill(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "tell me which", "b": "tell me which"}), tmp_path / "out"
    await run(shop, source, out)
    rows = [{"custom_id": "a", "answer": 2}, {"custom_id": "b", "answer": "lamp"}]
    assert await answer(out, shop, *rows) == (["a", "b"], [])
    assert await answer(out, shop, *rows) == (["a", "b"], [])  # given, and not gone on with
    await run(shop, None, out)
    assert await answer(out, shop, *rows) == (["a", "b"], [])
    answered, bad = await answer(out, shop, {"custom_id": "a", "answer": "lamp"})
    assert (answered, bad[0].reason) == ([], "Record 'a' does not wait for an answer: it is completed.")


async def test_a_line_that_says_what_it_answers_answers_nothing_else(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "tell me which"}), tmp_path / "out"
    await run(shop, source, out)
    answered, bad = await answer(out, shop, {"custom_id": "a", "answer": "chair", "question": "Which day?"})
    assert (answered, bad[0].reason) == ([], "Record 'a' is asked something else by now: \"Which item?\"")
    assert "no text" in (await answer(out, shop, {"custom_id": "a", "answer": "chair", "question": 7}))[1][0].reason
    (row,) = lines(out / "questions.jsonl")
    assert await answer(out, shop, {**row, "answer": "chair"}) == (["a"], [])
