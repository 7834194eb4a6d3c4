"""What people are told at the end of a turn: words, quotes that can be looked up, and nothing of the inside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline import Ending, Escalation, Outcome, Question
from pipeline.events import Answered, Asked, Escalated, Failed, TurnFinished
from pipeline.journal.rows import StepRow
from pipeline.outcome import Part
from pipeline.runtime.messages import ABSENT, SORRY, endings, words
from pipeline.runtime.receipt import receipt

RECEIPT = receipt([], engine=None, decisions=[], index=None)
PASSAGE = {"id": "pets.md#10", "document": "pets.md", "heading": "Pets > Dogs", "text": "Guide dogs\n travel free."}
FOUND = StepRow("1", "retrieve", "d", 0, json.dumps([PASSAGE]))


def outcome(status: Any, parts: tuple[Part, ...] = (), **values: Any) -> Outcome:
    return Outcome("r1", None, Ending(status, **values), RECEIPT, parts)


def test_a_quote_says_which_passage_it_is_from() -> None:
    result = {"quote": "Guide dogs travel free.", "source": "pets.md › Pets > Dogs", "seats": 2}
    answered, finished = endings(outcome("completed", result=result, contract="PolicyAnswer"), [FOUND])
    assert answered == Answered(
        "r1",
        "Guide dogs travel free. (seats 2)",
        result,
        "PolicyAnswer",
        [{"text": "Guide dogs travel free.", "passage": "pets.md#10", "document": "pets.md", "heading": "Pets > Dogs"}],
    )
    assert finished == TurnFinished("r1", "completed")


def test_what_stands_in_no_passage_is_no_quote() -> None:
    result = {"quote": "Cats travel free.", "short": "dogs"}
    answered, _ = endings(outcome("completed", result=result, contract="PolicyAnswer"), [FOUND])
    assert isinstance(answered, Answered)
    assert answered.quotes == []


def test_a_result_is_put_in_words() -> None:
    result = {"reference": "MD7K2Q", "seats": 2, "paid": True, "note": None, "flight": {"from": "Goa", "at": "9:00"}}
    assert words(result, "BookedTrip") == "Booked trip: reference MD7K2Q, seats 2, paid yes, flight from Goa, at 9:00."
    assert words({"total": "12.50"}, "Total") == "12.50"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"reference": "MD1", "price": "3160", "currency": "INR"}, "Booked: reference MD1, price 3,160 INR."),
        ({"price": "1234567.50", "currency": "EUR"}, "1,234,567.50 EUR"),
        ({"fee": {"amount": "20", "currency": "USD"}}, "20 USD"),
        ({"seats": True, "currency": "INR"}, "Booked: seats yes, currency INR."),
        ({"currency": "INR", "price": "10"}, "Booked: currency INR, price 10."),
        ({"city": "Goa", "currency": "INR"}, "Booked: city Goa, currency INR."),
    ],
)
def test_an_amount_and_its_currency_are_one_value(result: dict[str, object], told: str) -> None:
    assert words(result, "Booked") == told


def test_only_harmless_reasons_of_a_failure_are_told() -> None:
    assert endings(outcome("failed", error=ABSENT), [])[0] == Failed("r1", ABSENT)
    assert endings(outcome("failed", error="The workflow raised KeyError: password"), [])[0] == Failed("r1", SORRY)


def test_each_part_of_a_message_is_told_once() -> None:
    question = Question(None, "Sure?", ("yes", "no"))
    first = Part("a", "order", Ending("completed", message="Ordered."))
    handed = Part("b", "pay", Ending("escalated", escalation=Escalation("desk", "Too much.")))
    waits = Part("c", "leave", Ending("needs_input", question=question))
    last = Part("d", "stay", None)
    told = endings(outcome("needs_input", parts=(first, handed, waits, last), question=question), [])
    assert told == [
        Answered("r1", "Ordered."),
        Escalated("r1", "desk", "Too much."),
        Asked("r1", question),
        TurnFinished("r1", "needs_input"),
    ]
    left = Part("c", "leave", Ending("completed", message="Left."))
    stayed = Part("d", "stay", Ending("failed", error="boom"))
    told = endings(outcome("failed", parts=(first, handed, left, stayed)), [], told=2)
    assert told == [Answered("r1", "Left."), Failed("r1", SORRY), TurnFinished("r1", "failed")]
