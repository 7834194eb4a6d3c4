"""Small talk is answered as a person would, and swallows no request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import load_app
from pipeline.outcome import Escalation
from pipeline.small_talk import SmallTalk

PHRASES = ["book a flight", "cancel a booking"]
TRAVEL = Path(__file__).parents[2] / "pipeline/workflows/travel/requests.jsonl"


@pytest.mark.parametrize("text", ["thanks", "Thank you very much!", "Great, thanks!", "Ok, thank you for your help."])
def test_thanks_are_taken(text: str) -> None:
    assert SmallTalk().answer(text, PHRASES) == SmallTalk.thanks


@pytest.mark.parametrize("text", ["What can you do?", "Hi, what can you help me with?", "How can you help?"])
def test_what_it_can_do_is_its_workflows(text: str) -> None:
    assert SmallTalk().answer(text, PHRASES) == "I can book a flight or cancel a booking."


def test_a_greeting_is_returned_and_a_program_says_that_it_is_one() -> None:
    assert SmallTalk().answer("Good morning!", PHRASES) == "Hello. I can book a flight or cancel a booking."
    assert SmallTalk(able="").answer("hi", PHRASES) == "Hello."
    for text in ("Are you a bot?", "Am I talking to a real person?", "Who are you?"):
        assert str(SmallTalk().answer(text, PHRASES)).startswith("I am a program. I can"), text
    assert [SmallTalk().beside(text, PHRASES) for text in ("hello", "thanks")] == ["Hello.", "You are welcome."]


@pytest.mark.parametrize("text", ["Can I talk to a human?", "I'd like to speak to a real person", "human please"])
def test_whoever_asks_for_a_person_gets_one(text: str) -> None:
    assert isinstance(SmallTalk().answer(text, PHRASES), Escalation)
    assert SmallTalk(person=False).answer(text, PHRASES) is None


@pytest.mark.parametrize(
    "text",
    [
        "thanks, and cancel my booking",
        "Can I talk to a human about my refund?",
        "what can you do about my bag?",
        "",
    ],
)
def test_a_request_is_not_swallowed(text: str) -> None:
    assert SmallTalk().answer(text, PHRASES) is None


def test_no_request_and_no_example_of_the_sample_app_is_taken_for_it() -> None:
    app = load_app("pipeline.workflows.travel")
    texts = [json.loads(line).get("text", "") for line in TRAVEL.read_text(encoding="utf-8").splitlines()]
    texts += [text for workflow in app.workflows for text in workflow.examples]
    assert [text for text in texts if SmallTalk().answer(str(text), PHRASES) is not None] == []
