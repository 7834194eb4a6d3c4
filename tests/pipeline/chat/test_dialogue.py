"""A conversation is told as it happens, remembers what was said, and is handed over and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio
from dialogue_world import bodies, listening, names, said, sales
from pipeline_world import TODAY

from pipeline import App, Journal, Pipeline, Run, UsageError, workflow
from pipeline.batch.answers import apply
from pipeline.chat.dialogues import LONGEST, Dialogues
from pipeline.chat.transcript import REMEMBERED
from pipeline.errors import Busy, UnknownConversation
from pipeline.journal.rows import StepRow


@pytest_asyncio.fixture
async def dialogues(shop: App, journal: Journal, tmp_path: Path) -> AsyncIterator[Dialogues]:
    served = Dialogues(await Pipeline.open(shop, journal, tmp_path, TODAY), journal)
    yield served
    await served.aclose()


async def test_a_message_is_told_from_its_receipt_to_its_end(dialogues: Dialogues) -> None:
    conversation = await dialogues.open("somebody")
    told = await said(dialogues, conversation, "one lamp")
    assert names(told) == [
        "message_received",
        "routed",
        "said",
        *("step_started", "step_finished") * 2,
        "step_started",
        "action_committed",
        "step_finished",
        "answered",
        "turn_finished",
    ]
    assert [event.id for event in told] == sorted({event.id for event in told})
    (answered,) = bodies(told, "answered")
    assert (answered["text"], answered["result"]) == ("sold lamp for 9.90", None)
    transcript = dialogues.transcript(conversation)
    assert (transcript.owner, transcript.state, transcript.last_event) == ("somebody", "open", told[-1].id)
    assert [(turn.role, turn.text) for turn in transcript.turns] == [
        ("customer", "one lamp"),
        ("assistant", "sold lamp for 9.90"),
    ]


async def test_an_answer_goes_on_with_the_record_that_asked(dialogues: Dialogues, tmp_path: Path) -> None:
    conversation = await dialogues.open()
    asked = await said(dialogues, conversation, "tell me which")
    (question,) = bodies(asked, "asked")
    assert question["question"]["choices"] == ("lamp", "chair")
    assert question["question"]["schema"] == {"enum": ["lamp", "chair"]}
    transcript = dialogues.transcript(conversation)
    assert transcript.state == "asking"
    assert transcript.question is not None
    assert transcript.question.text == "Which item?"
    again = await said(dialogues, conversation, "blue")
    assert 'not understand "blue"' in bodies(again, "asked")[0]["question"]["text"]
    answered = await said(dialogues, conversation, "chair")
    assert {event.event.record for event in answered} == {asked[0].event.record}
    assert bodies(answered, "answered")[0]["text"] == "sold chair for 9.90"
    assert (dialogues.transcript(conversation).state, sales(tmp_path)) == ("open", {"chair": 1})


async def test_the_next_request_sees_what_was_said_before(dialogues: Dialogues, journal: Journal) -> None:
    conversation = await dialogues.open()
    await said(dialogues, conversation, "one lamp")
    await said(dialogues, conversation, "one chair")
    record = dialogues.conversations.restore(f"{conversation}:2")
    assert [(turn.role, turn.text, turn.earlier) for turn in record.conversation] == [
        ("customer", "one lamp", True),
        ("assistant", "sold lamp for 9.90", True),
        ("customer", "one chair", False),
    ]
    assert record.text == "one chair"
    long = "x " * (REMEMBERED // 2) + "chair"
    await said(dialogues, conversation, long)
    await said(dialogues, conversation, "one bed")
    earlier = dialogues.conversations.restore(f"{conversation}:4").conversation[:-1]
    assert [turn.text for turn in earlier] == ["sold chair for 9.90"]  # the latest turns that fit
    assert list(journal.unfinished()) == []


@workflow(intent="recount", examples=["what was done"], actions=[])
async def recount(run: Run) -> str:
    """Tell what was done before."""
    memory = run.memory
    return f"{[action.name for action in memory.done]} {[p.id for p in memory.found]} {sorted(memory.values)}"


async def test_a_request_remembers_what_earlier_ones_did_found_and_collected(
    dialogues: Dialogues, journal: Journal, tmp_path: Path
) -> None:
    conversation = await dialogues.open()
    await said(dialogues, conversation, "one lamp")
    passage = {"id": "a.md#0", "document": "a.md", "heading": "", "text": "Lamps.", "start": 0, "end": 6}
    await journal.keep(f"{conversation}:1", StepRow("8", "retrieve", "d", 0, json.dumps([passage])))
    await journal.keep(f"{conversation}:1", StepRow("9", "remember Trip", "d", 0, '{"day": ["date", "2026-12-05"]}'))
    later = Dialogues(await Pipeline.open(App("later", [recount]), journal, tmp_path, TODAY), journal)
    told = await said(later, conversation, "what was done")
    assert bodies(told, "answered")[0]["text"] == "['sell'] ['a.md#0'] ['day']"


async def test_the_same_key_sends_once(dialogues: Dialogues, tmp_path: Path) -> None:
    conversation = await dialogues.open()
    first, second = await asyncio.gather(
        said(dialogues, conversation, "one lamp", "k"), said(dialogues, conversation, "one lamp", "k")
    )
    third = await said(dialogues, conversation, "one lamp", "k")
    assert first == second == third
    await said(dialogues, conversation, "one chair", "l")
    assert await said(dialogues, conversation, "one lamp", "k") == first
    assert sales(tmp_path) == {"lamp": 1, "chair": 1}
    with pytest.raises(UsageError, match="was used for another message"):
        await said(dialogues, conversation, "one bed", "k")


async def test_one_message_at_a_time(dialogues: Dialogues) -> None:
    conversation = await dialogues.open()
    results = await asyncio.gather(
        *(said(dialogues, conversation, "one lamp") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(result, Busy) for result in results) == 2
    for _ in range(30):  # a message right after the last one's end is never too early
        await said(dialogues, conversation, "one lamp")


async def test_what_cannot_be_a_message_changes_nothing(dialogues: Dialogues) -> None:
    conversation = await dialogues.open()
    for text in ("", " \u0000 ", "x" * (LONGEST + 1)):
        with pytest.raises(UsageError):
            await said(dialogues, conversation, text)
    with pytest.raises(UnknownConversation):
        await said(dialogues, "nothing", "one lamp")
    with pytest.raises(UnknownConversation):
        dialogues.transcript("nothing")
    assert [event async for event in dialogues.events(conversation)] == []


async def test_whoever_stops_listening_stops_nothing(dialogues: Dialogues, tmp_path: Path) -> None:
    conversation = await dialogues.open()
    async with aclosing(dialogues.handle(conversation, "one lamp", "k")) as events:
        first = await anext(events)
    rest = [event async for event in dialogues.events(conversation, first.id, follow=False)]
    told = await said(dialogues, conversation, "one lamp", "k")
    assert told[0] == first
    assert told[-1].name == "turn_finished"
    assert rest == told[1 : len(rest) + 1]
    assert sales(tmp_path) == {"lamp": 1}


async def test_a_failure_gives_nothing_of_the_inside_away(dialogues: Dialogues, journal: Journal) -> None:
    conversation = await dialogues.open()
    told = await said(dialogues, conversation, "something broken")
    assert names(told)[-2:] == ["failed", "turn_finished"]
    assert "no such item" not in json.dumps([event.row() for event in told])
    assert (await said(dialogues, conversation, "one lamp"))[-2].name == "answered"
    assert "no such item" in json.loads(next(journal.lines()))["error"]


async def test_an_operator_takes_over_and_gives_back(dialogues: Dialogues, journal: Journal) -> None:
    conversation = await dialogues.open()
    told = await said(dialogues, conversation, "get me a human")
    assert bodies(told, "escalated")[0]["reason"] == "The customer wants a human."
    (handed,) = dialogues.escalations("open")
    assert (handed.to, handed.conversation, handed.intent) == ("desk", conversation, "order")
    assert (await said(dialogues, conversation, "one lamp"))[-2].name == "answered"  # until somebody takes it
    watched = await listening(dialogues, conversation, told[-1].id, until="operator_left")
    await dialogues.take(handed.record, "anna")
    await dialogues.take(handed.record, "anna")
    assert dialogues.transcript(conversation).state == "escalated"
    for busy in (dialogues.take, dialogues.close):
        with pytest.raises(Busy, match="'anna' has taken"):
            await busy(handed.record, "ben")
    await dialogues.answer(handed.record, "anna", "How can I help?")
    passed = await said(dialogues, conversation, "It is broken.", "k")
    assert names(passed) == ["message_received", "turn_finished"]
    assert passed == await said(dialogues, conversation, "It is broken.", "k")
    await dialogues.close(handed.record, "anna", "We send a new one.")
    assert [event.name for event in await watched][-6:] == [
        "operator_joined",
        "operator_said",
        "message_received",
        "turn_finished",
        "operator_said",
        "operator_left",
    ]
    assert (await said(dialogues, conversation, "one chair"))[-2].name == "answered"
    assert [turn.text for turn in dialogues.transcript(conversation).turns if turn.role == "operator"] == [
        "How can I help?",
        "We send a new one.",
    ]
    assert [one.state for one in dialogues.escalations()] == ["closed"]
    outcomes = {row["custom_id"]: row for row in map(json.loads, journal.lines())}
    assert outcomes[handed.record]["message"] == "We send a new one."
    with pytest.raises(UsageError, match="closed already"):
        await dialogues.answer(handed.record, "anna", "Hello?")
    with pytest.raises(UnknownConversation):
        await dialogues.take(f"{conversation}:2", "anna")


async def test_a_file_of_answers_reaches_the_customer(dialogues: Dialogues, journal: Journal, shop: App) -> None:
    conversation = await dialogues.open()
    told = await said(dialogues, conversation, "get me a human")
    await said(dialogues, conversation, "tell me which")
    path = journal.path.with_name("answers.jsonl")
    rows = [{"custom_id": f"{conversation}:{n}", "answer": "lamp"} for n in (1, 2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answered, bad = await apply(lambda id: journal, path, shop)
    assert (answered, [error.line for error in bad]) == ([f"{conversation}:1"], [2])
    later = [event async for event in dialogues.events(conversation, told[-1].id)]
    assert bodies(later, "operator_said")[0]["text"] == "lamp"
    assert list(journal.waiting()) == []  # what waits in a conversation is no row for questions.jsonl


async def test_today_may_be_another_day_for_each_message(shop: App, journal: Journal, tmp_path: Path) -> None:
    served = await Pipeline.open(shop, journal, tmp_path, TODAY)
    days = iter([date(2027, 1, 1), date(2027, 1, 2)])
    dialogues = Dialogues(served, journal, today=lambda: next(days))
    conversation = await dialogues.open()
    for _ in range(2):
        await said(dialogues, conversation, "one lamp")
    kept = journal.read("SELECT today FROM records ORDER BY rowid")
    assert kept == [("2027-01-01",), ("2027-01-02",)]
    await dialogues.aclose()
