"""A conversation goes on whatever happens to its actions, to the service and to the process."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from dialogue_world import bodies, listening, names, said, sales
from pipeline_world import TODAY, lines

from pipeline import App, Escalation, Journal, Pipeline, Run, action, step, workflow
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.dialogues import Dialogues
from pipeline.errors import Busy, JournalError

APPS = Path(__file__).parents[1] / "apps"

ATTEMPTS: list[str] = []
GATE: list[asyncio.Event] = []


@action
async def wire(amount: int, key: str) -> int:
    ATTEMPTS.append(key)
    await GATE[-1].wait()
    raise TimeoutError("no answer from the bank")


@step
async def think(text: str) -> int:
    await GATE[-1].wait()
    return len(text)


@workflow(intent="pay", examples=["pay 5"], actions=[wire])
async def pay(run: Run) -> str | Escalation:
    """Pay an amount."""
    if run.text == "think":
        return str(await run.step(think, run.text))
    return f"Paid under {await run.do(wire, 5)}."


@pytest_asyncio.fixture
async def bank(journal: Journal, tmp_path: Path) -> AsyncIterator[Dialogues]:
    ATTEMPTS.clear()
    GATE.append(asyncio.Event())
    served = Dialogues(await Pipeline.open(App("bank", [pay]), journal, tmp_path, TODAY), journal)
    yield served
    await served.aclose()


async def test_an_uncertain_action_is_settled_and_its_conversation_goes_on(bank: Dialogues, journal: Journal) -> None:
    conversation = await bank.open()
    GATE[-1].set()
    told = await said(bank, conversation, "pay 5")
    assert "uncertain" in bodies(told, "escalated")[0]["reason"]
    record = told[0].event.record
    (wired,) = journal.actions(record)
    with pytest.raises(JournalError, match="not known whether it happened"):
        await bank.settle(record, "another key", True, "7")
    watched = await listening(bank, conversation, told[-1].id)
    await bank.settle(record, wired.key, True, "7")
    heard = await watched
    assert "action_committed" in names(heard)
    assert bodies(heard, "answered")[0]["text"] == "Paid under 7."
    assert len(ATTEMPTS) == 1


@pytest.mark.parametrize(("text", "ending"), [("think", "failed"), ("pay 5", "escalated")])
async def test_a_message_can_be_stopped(bank: Dialogues, text: str, ending: str) -> None:
    conversation = await bank.open()
    watched = await listening(bank, conversation)
    begun = await listening(bank, conversation, until="step_started")
    waiting = asyncio.create_task(said(bank, conversation, text))
    await begun
    while text != "think" and not ATTEMPTS:
        await asyncio.sleep(0.001)
    assert bank.transcript(conversation).state == "busy"
    await bank.cancel(conversation)
    assert (await waiting)[-1] == (await watched)[-1]
    assert names(await watched)[-2:] == [ending, "turn_finished"]
    assert bank.transcript(conversation).state == "open"
    await bank.cancel(conversation)  # nothing is left to stop


async def test_a_stopping_service_ends_streams_and_leaves_work_to_the_next(
    bank: Dialogues, journal: Journal, tmp_path: Path
) -> None:
    conversation = await bank.open()
    begun = await listening(bank, conversation, until="step_started")
    watched = await listening(bank, conversation, until="answered")
    waiting = asyncio.create_task(said(bank, conversation, "think", "k"))
    await begun
    await bank.aclose()
    assert "turn_finished" not in names(await waiting)
    assert "answered" not in names(await watched)
    with pytest.raises(Busy, match="stopping"):
        await said(bank, await bank.open(), "think")
    GATE[-1].set()
    served = Dialogues(await Pipeline.open(App("bank", [pay]), journal, tmp_path, TODAY), journal)
    await served.resume()
    assert bodies(await said(served, conversation, "think", "k"), "answered")[0]["text"] == "5"
    await served.aclose()


@pytest.mark.parametrize(("suspicion", "ending"), [(0, "answered"), (1, "answered"), (3, "answered"), (5, "failed")])
async def test_what_kills_its_process_again_and_again_is_failed(
    shop: App, journal: Journal, tmp_path: Path, suspicion: int, ending: str
) -> None:
    conversations = ConversationStore(journal)
    conversation = await conversations.open("")
    await conversations.begin(conversation, "one lamp", "k", TODAY)
    await journal.write(("UPDATE records SET suspicion = ?", (suspicion,)))
    served = Dialogues(await Pipeline.open(shop, journal, tmp_path, TODAY), journal)
    await served.resume()
    with pytest.raises(Busy):
        await said(served, conversation, "one chair")
    assert names(await said(served, conversation, "one lamp", "k"))[-2:] == [ending, "turn_finished"]
    assert names(await said(served, conversation, "one chair"))[-2] == "answered"
    await served.aclose()


async def test_a_message_finds_what_was_left_behind_without_a_resume(
    shop: App, journal: Journal, tmp_path: Path
) -> None:
    conversations = ConversationStore(journal)
    conversation = await conversations.open("")
    await conversations.begin(conversation, "one lamp", "k", TODAY)
    served = Dialogues(await Pipeline.open(shop, journal, tmp_path, TODAY), journal)
    assert served.transcript(conversation).state == "busy"
    with pytest.raises(Busy):
        await said(served, conversation, "one chair")
    assert names(await said(served, conversation, "one lamp", "k"))[-2] == "answered"
    await served.aclose()


def test_a_kill_after_any_commit_loses_and_repeats_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(APPS / "talk.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    folders = int(done.stdout)
    assert folders > 20
    calm = story(tmp_path / str(folders))
    assert [text for _, text in calm] == [
        "tell me which",
        "Which item?",
        "chair",
        "sold chair for 9.90",
        "get me a human",
        "The customer wants a human.",
    ]
    for number in range(1, folders):
        out = tmp_path / str(number)
        assert story(out) == calm, number
        assert sales(out) == {"chair": 1}
        kept = events(out)
        for seen in lines(out / "seen"):
            assert kept[seen["id"]] == {key: value for key, value in seen.items() if key not in ("id", "at", "record")}


def events(out: Path) -> dict[int, dict[str, Any]]:
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        rows = database.execute("SELECT number, body FROM events WHERE conversation IS NOT NULL ORDER BY number")
        return {number: json.loads(body) for number, body in rows}


def story(out: Path) -> list[tuple[str, str]]:
    """What the people of a conversation were told, steps and updates left out."""
    told = [
        (body["event"], body.get("text") or body.get("reason") or body["question"]["text"])
        for body in events(out).values()
        if body["event"] in ("MessageReceived", "Answered", "Asked", "Escalated", "Failed")
    ]
    finished = [body["status"] for body in events(out).values() if body["event"] == "TurnFinished"]
    assert finished == ["needs_input", "completed", "escalated"]
    return told
