"""What the travel desk makes of answers: values, changes, a new subject, "never mind". With the shipped model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from index import Embedder
from models.engines.engine import Engine
from models.engines.open_engine import open_engine
from pipeline import Equipment, Escalation, Journal, Memory, Outcome, Pipeline, Record, Turn, load_app
from pipeline.small_talk import ASKED_FOR

TODAY = date(2026, 11, 23)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with open_engine("models/tiny", lambda text: None) as engine:
        yield engine


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


class Desk:
    """The travel desk over one journal: say something, answer, see the outcome."""

    def __init__(self, pipeline: Pipeline, journal: Journal) -> None:
        self._pipeline, self._journal = pipeline, journal

    async def say(self, *turns: str, id: str = "a", memory: Memory | None = None) -> Outcome:
        *earlier, last = turns
        said = [*(Turn("customer", text, True) for text in earlier), Turn("customer", last)]
        return await self._pipeline.serve(Record(id, tuple(said)), memory)

    async def answer(self, text: str, id: str = "a") -> Outcome:
        await self._journal.answer(id, text)
        known = self._journal.record(id)
        assert known is not None
        return await self._pipeline.serve(Record.restore(id, known[0]))

    def memory(self, id: str) -> Memory:
        return Memory.of(self._journal.steps(id))

    def actions(self) -> list[tuple[str, str]]:
        return [(action.name, action.state) for action in self._journal.actions()]


@pytest_asyncio.fixture(loop_scope="module")
async def desk(engine: Engine, embedder: Embedder, tmp_path: Path) -> AsyncIterator[Desk]:
    app = load_app("pipeline.workflows.travel")
    async with Journal.open(tmp_path / "journal.sqlite") as journal:
        pipeline = await Pipeline.open(app, journal, tmp_path, TODAY, Equipment(engine, embedder=embedder))
        yield Desk(pipeline, journal)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def asked(outcome: Outcome) -> str:
    assert outcome.ending.question is not None, outcome
    return outcome.ending.question.text


async def test_an_answer_changes_an_earlier_field_as_well(desk: Desk) -> None:
    assert asked(await desk.say("I want to book a flight on Friday for two people")).startswith(
        "Where do you want to go"
    )
    assert "Goa for 2 travellers on Sat 28 Nov" in asked(await desk.answer("to Goa, and make it Saturday"))


async def test_a_remark_beside_yes_or_no_starts_over_with_the_change(desk: Desk) -> None:
    assert "on Fri 27 Nov" in asked(await desk.say("Book a flight to Goa on Friday"))
    assert "on Sat 28 Nov" in asked(await desk.answer("yes, but make it Saturday"))
    assert desk.actions() == []
    outcome = await desk.answer("yes")
    assert (outcome.status, outcome.ending.contract) == ("completed", "Booked")
    assert desk.actions() == [("book", "committed")]


async def test_no_i_meant_is_a_correction_and_no_refusal(desk: Desk) -> None:
    assert "on Fri 27 Nov" in asked(await desk.say("Book a flight to Goa on Friday"))
    assert "on Sun 29 Nov" in asked(await desk.answer("no, I meant Sunday"))


async def test_a_rule_may_be_mended_by_either_of_two_fields(desk: Desk) -> None:
    outcome = await desk.say("Book a flight from Delhi to Dubai on Friday for 100 rupees")
    assert asked(outcome).endswith("What is the most you want to pay? Or on which day do you want to leave?")
    assert "on Sat 28 Nov" in asked(await desk.answer("make it Saturday"))
    outcome = await desk.answer("raise it to 90,000 rupees")
    assert (outcome.status, outcome.ending.contract) == ("completed", "Booked")


@pytest.mark.parametrize("answer", ["never mind", "Forget it, thanks.", "no thanks"])
async def test_never_mind_ends_it_with_nothing_done(desk: Desk, answer: str) -> None:
    await desk.say("Book a flight from Delhi to Dubai on Friday for 100 rupees")
    outcome = await desk.answer(answer)
    assert (outcome.status, outcome.ending.message) == ("completed", "Nothing was done.")
    assert desk.actions() == []


async def test_an_answer_about_something_else_goes_to_another_workflow(desk: Desk) -> None:
    assert asked(await desk.say("I want to book a flight")).startswith("Where do you want to go")
    outcome = await desk.answer("Actually, please cancel my booking MDG4CE")
    assert (outcome.intent, outcome.ending.contract) == ("cancel_booking", "Cancelled")
    assert desk.actions() == [("cancel", "committed")]


async def test_cancel_my_booking_is_no_never_mind(desk: Desk) -> None:
    assert asked(await desk.say("please cancel my booking")) == "What is your booking reference?"
    outcome = await desk.answer("cancel my booking MDG4CE")
    assert (outcome.status, outcome.ending.contract) == ("completed", "Cancelled")


async def test_two_days_joined_by_or_are_a_question_with_both_as_choices(desk: Desk) -> None:
    outcome = await desk.say("Book a flight to Goa on Friday or Saturday")
    assert outcome.ending.question is not None
    assert outcome.ending.question.choices == ("Friday", "Saturday")
    assert "on Sat 28 Nov" in asked(await desk.answer("Saturday"))


async def test_what_an_earlier_request_said_is_not_asked_for_again(desk: Desk) -> None:
    first = await desk.say("Cancel my booking MDZZ99", id="c:1", memory=Memory())
    assert first.status == "needs_input"
    await desk.answer("MDG4CE", id="c:1")
    memory = desk.memory("c:1")
    assert memory.values["booking"].text == "MDG4CE"
    outcome = await desk.say(
        "Cancel my booking MDZZ99", "please move my booking to 2 February", id="c:2", memory=memory
    )
    assert outcome.ending.question is None or outcome.ending.question.text != "What is your booking reference?"
    assert "MDG4CE" in str(outcome.row())


async def test_the_second_wish_knows_what_the_first_one_said(desk: Desk) -> None:
    outcome = await desk.say("I am furious about my booking MDG4CE, your staff was rude. Please cancel my booking")
    parts: list[Any] = [(part.intent, part.status) for part in outcome.parts]
    assert parts == [("complain", "escalated"), ("cancel_booking", "completed")]
    assert desk.actions() == [("open_ticket", "committed"), ("cancel", "committed")]


async def test_small_talk_is_answered_in_a_conversation_alone(desk: Desk) -> None:
    desk._journal.follow("talk:1", "talk")  # as Tasks does for a message of a conversation
    thanked = await desk.say("Thank you!", id="talk:1")
    assert thanked.ending.message == "You are welcome. Is there anything else?"
    assert desk._journal.steps("talk:1") == []
    desk._journal.follow("talk:2", "talk")
    assert (await desk.say("Can I talk to a human?", id="talk:2")).ending.status == "escalated"
    desk._journal.follow("talk:3", "talk")
    assert (await desk.say("thanks, and cancel my booking", id="talk:3")).intent == "cancel_booking"
    assert (await desk.say("Thank you!", id="batch")).ending.message != thanked.ending.message


async def test_small_talk_in_answer_to_a_question_is_answered_and_the_question_stays(desk: Desk) -> None:
    desk._journal.follow("talk:1", "talk")
    question = asked(await desk.say("I want to fly to Goa", id="talk:1"))
    for text, said in (("thanks", "You are welcome."), ("hello", "Hello."), ("what can you do?", "I can ")):
        desk._journal.follow("talk:1", "talk")
        again = asked(await desk.answer(text, id="talk:1"))
        assert again.startswith(said)
        assert again.endswith(f" {question}")
    desk._journal.follow("talk:1", "talk")
    handed = await desk.answer("Can I talk to a human?", id="talk:1")
    assert handed.ending.escalation == Escalation("human", ASKED_FOR)
    await desk.say("I want to fly to Goa", id="batch")
    assert asked(await desk.answer("thanks", id="batch")).startswith("I could not read")
