"""Listeners hear of what is committed, each from where it stands; one that is slow or gone costs nobody anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest_asyncio
from pipeline_world import TODAY

from pipeline import App, Journal, Pipeline
from pipeline.chat.conversation_readings import PAGE
from pipeline.chat.dialogues import Dialogues
from pipeline.events import EVENTS, Asked, Numbered, Progress, StepStarted, event_name, event_row, restore_event
from pipeline.journal.notifier import Notifier
from pipeline.outcome import Question


@pytest_asyncio.fixture
async def dialogues(shop: App, journal: Journal, tmp_path: Path) -> AsyncIterator[Dialogues]:
    served = Dialogues(await Pipeline.open(shop, journal, tmp_path, TODAY), journal)
    yield served
    await served.aclose()


async def heard(dialogues: Dialogues, conversation: str, after: int, last: int) -> list[Numbered]:
    found = []
    async with aclosing(dialogues.events(conversation, after, follow=True)) as events:
        async for event in events:
            found.append(event)
            if event.id >= last:
                break
    return found


async def test_whoever_is_told_finds_it_in_the_journal(journal: Journal) -> None:
    journal.follow("r1", "c1")
    with journal.notifier.listening("c1") as woken, journal.notifier.listening("c2") as other:
        journal.tell(Progress("r1", "Searching…"))
        assert not woken.is_set()
        await asyncio.wait_for(woken.wait(), 10)
        assert journal.read("SELECT count(*) FROM events WHERE conversation = 'c1'") == [(1,)]
        assert not other.is_set()
        journal.notifier.wake_all()
        assert other.is_set()


def test_nobody_is_kept_who_has_left() -> None:
    notifier = Notifier()
    with notifier.listening("c"), notifier.listening("c"):
        assert len(notifier._listeners["c"]) == 2
    assert notifier._listeners == {}
    notifier.wake("c")


async def test_reconnecting_anywhere_misses_and_repeats_nothing(dialogues: Dialogues) -> None:
    conversation = await dialogues.open()
    told = [event async for event in dialogues.handle(conversation, "one lamp")]
    whole = [event async for event in dialogues.events(conversation)]
    assert whole == told
    for number in range(len(told)):
        assert [event async for event in dialogues.events(conversation, told[number].id)] == told[number + 1 :]


async def test_listeners_of_many_conversations_hear_their_own_and_all_of_it(dialogues: Dialogues) -> None:
    ids = [await dialogues.open() for _ in range(30)]

    async def talk(id: str) -> list[Numbered]:
        return [event for text in ("one lamp", "tell me which") async for event in dialogues.handle(id, text)]

    async def follow(id: str) -> list[Numbered]:
        """Hang up after every second event, and call again with the last id."""
        found: list[Numbered] = []
        while [event.name for event in found].count("turn_finished") < 2:
            async with aclosing(dialogues.events(id, found[-1].id if found else 0, follow=True)) as events:
                for _ in range(2):
                    found.append(await anext(events))
                    if [event.name for event in found].count("turn_finished") == 2:
                        break
        return found

    silent = dialogues.events(ids[0], follow=True)
    told, followed = await asyncio.gather(asyncio.gather(*map(talk, ids)), asyncio.gather(*map(follow, ids)))
    assert told == followed
    assert await anext(silent) == told[0][0]  # whoever has not read yet gets all of it later
    await silent.aclose()
    assert len({event.id for events in told for event in events}) == sum(map(len, told))


async def test_a_long_conversation_is_read_page_by_page(dialogues: Dialogues, journal: Journal) -> None:
    conversation = await dialogues.open()
    journal.follow("r1", conversation)
    for number in range(PAGE + 50):
        journal.tell(Progress("r1", str(number)))
    found = await heard(dialogues, conversation, 0, PAGE + 50)
    assert [event.event for event in found] == [Progress("r1", str(number)) for number in range(PAGE + 50)]


async def test_a_batch_keeps_no_events_that_nobody_watches(journal: Journal) -> None:
    journal.tell(StepStarted("r1", "1", "count"))
    journal.tell(Progress("r1", "Counting…"))
    await journal.write()
    assert [event["event"] for event in journal.events("r1")] == ["Said"]
    assert journal.read("SELECT conversation FROM events") == [(None,)]


def test_an_event_is_restored_as_it_was() -> None:
    question = Question("day", "Which day?", ("today", "tomorrow"), "Trip", {"enum": ["today", "tomorrow"]})
    body = event_row(Asked("r1", question))
    restored = restore_event(body.pop("record"), body)
    assert restored == Asked("r1", question)
    assert isinstance(restored, Asked)
    assert restored.question.schema == question.schema
    assert [event_name(name) for name in ("StepStarted", "OperatorSaid", "Said")] == [
        "step_started",
        "operator_said",
        "said",
    ]
    assert {"MessageReceived", "TurnFinished", "Answered"} < set(EVENTS)
