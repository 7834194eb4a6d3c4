"""An answer may take the request back, correct it, or be about more than was asked; most answers do none of that."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from pipeline_world import TODAY
from pydantic import Field

from models.contract import Contract
from models.said import Said, Unread
from models.values.money import Money
from pipeline.forms import dialogue_acts, extraction


class Trip(Contract):
    city: Said[str] = Field(description="Where to?")
    day: Said[date] = Field(description="On which day?")
    people: Said[int] | None = Field(None, description="How many people?")
    budget: Said[Money] | None = Field(None, description="How much at most?")


SATURDAY, SUNDAY = date(2026, 11, 28), date(2026, 11, 22)
MONEY = Money(amount=Decimal(20_000), currency="INR")


@pytest.mark.parametrize(
    "answer",
    [
        "never mind",
        "Never mind.",
        "nevermind, thanks",
        "oh, never mind that",
        "forget it",
        "Forget about it!",
        "ok forget the whole thing",
        "drop it",
        "leave it",
        "leave it at that, thanks",
        "don't bother",
        "don’t worry about it",
        "no, forget it",
        "stop",
        "please stop",
        "actually, I changed my mind",
        "I've changed my mind, sorry",
        "quit",
        "no need, thank you",
        "nvm",
    ],
)
def test_the_whole_answer_takes_the_request_back(answer: str) -> None:
    assert dialogue_acts.drops(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "cancel my booking",
        "cancel",
        "cancel it",
        "never",
        "I never got a ticket",
        "never mind the budget, book it",
        "forget my wife, just me",
        "don't forget it is for two",
        "I forget it",
        "Stop Street 5",
        "non-stop",
        "one stop at most",
        "leave it on the 5th",
        "leave on Monday",
        "leave from Goa",
        "drop it off at the airport",
        "I changed my mind, make it Saturday",
        "I changed my booking",
        "no need for a window seat",
        "no",
        "none",
        "nothing above 500",
        "Quito",
        "exit row please",
        "let it be Sunday",
        "skip it to Sunday",
        "",
    ],
)
def test_other_answers_take_nothing_back(answer: str) -> None:
    assert not dialogue_acts.drops(answer)


@pytest.mark.parametrize(
    "answer",
    ["cancel", "cancel it", "actually, cancel my order", "please cancel the whole thing",
     "can you cancel my last order?", "I want to cancel my booking", "no, call off the repair"],
)  # fmt: skip
def test_what_may_take_the_request_back_is_known(answer: str) -> None:
    assert dialogue_acts.withdraws(answer)
    assert not dialogue_acts.drops(answer)


@pytest.mark.parametrize(
    "answer",
    ["Stop Street 5", "one stop at most", "drop it off at the airport", "end of May", "cancel MD1 and book", "no"],
)
def test_a_value_takes_nothing_back(answer: str) -> None:
    assert not dialogue_acts.withdraws(answer)


def test_a_bare_no_declines() -> None:
    assert all(
        map(dialogue_acts.declines, ["no", "No.", "nope", "no thanks", "No, thank you!", "neither", "none, sorry"])
    )
    assert not any(
        map(dialogue_acts.declines, ["no later than Friday", "no budget", "nobody", "not today", "number 9", "Nope 5"])
    )


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("no, I meant Saturday", "Saturday"),
        ("No I want to cancel my booking", "to cancel my booking"),
        ("nope, what I meant was talking about pets", "was talking about pets"),
        ("no, I'd rather leave on Monday", "leave on Monday"),
        ("Wrong. I asked about my refund.", "my refund"),
        ("not that, I need the later flight", "the later flight"),
        ("no", None),
        ("no, not that", None),
        ("I meant Goa", None),
        ("number 7", None),
        ("not before Monday", None),
        ("yes, I want that", None),
    ],
)
def test_a_correction_says_what_was_meant(answer: str, rest: str | None) -> None:
    assert dialogue_acts.corrected(answer) == rest


def test_values_are_found_with_their_words() -> None:
    assert dialogue_acts.mentioned(date, "to Goa, and make it Saturday", TODAY) == [(SATURDAY, "Saturday")]
    assert [value for value, _ in dialogue_acts.mentioned(date, "Saturday or Sunday", TODAY)] == [SATURDAY, SUNDAY]
    assert dialogue_acts.mentioned(date, "as soon as possible", TODAY) == []


def test_another_field_is_heard_where_its_type_tells_it() -> None:
    assert extraction.others(Trip, "city", "to Goa, and make it Saturday", TODAY) == {"day": SATURDAY}
    assert extraction.others(Trip, "day", "raise it to 20,000 rupees", TODAY) == {"budget": MONEY}
    assert extraction.others(Trip, "city", "Goa for 2", TODAY) == {}  # any answer may have a number
    assert extraction.others(Trip, "city", "on Saturday or on Sunday", TODAY) == {}
    assert extraction.only(Trip, "day", "let us say Saturday then", TODAY) == SATURDAY


@pytest.mark.parametrize(
    ("text", "values", "choices"),
    [
        ("on Saturday or Sunday", {"day": SATURDAY}, ("Saturday", "Sunday")),
        ("either on Saturday or on Sunday", {"day": SUNDAY}, ("Saturday", "Sunday")),
        ("to Goa or Bali, please", {"city": "Goa"}, ("Goa", "Bali")),
        ("for 2 or 3 people", {"people": 3}, ("2", "3")),
        ("Saturday or Sunday", {"day": Unread("Saturday or Sunday")}, ("Saturday", "Sunday")),
        ("to Goa or somewhere warm", {"city": "Goa"}, None),
        ("on Saturday or so", {"day": SATURDAY}, None),
        ("Saturday, window or aisle", {"day": SATURDAY}, None),
        ("book it on Saturday or I go to the press", {"day": SATURDAY}, None),
    ],
)
def test_two_values_joined_by_or_become_a_question(
    text: str, values: dict[str, object], choices: tuple[str, str] | None
) -> None:
    question = extraction.either(Trip, values, [text], TODAY)
    assert (None if question is None else question.choices) == choices
    if question is not None and choices is not None:
        assert question.text.endswith(f"{choices[0]} or {choices[1]}?")
