"""Code decides what is missing from a form, and asks in the field's own words."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest
from pipeline_world import TODAY
from pydantic import Field

from models.contract import Contract
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits
from models.said import Said, Scratchpad, Unread
from models.values.money import Money
from pipeline import Question
from pipeline.forms.slots import (
    gap,
    labels,
    match,
    match_all,
    narrowed,
    needs_judgement,
    open_answers,
    read_answer,
    told_apart,
)


class Trip(Contract):
    thinking: Scratchpad
    place: Said[str] = Field(description="Where to?")
    day: Said[date] = Field(description="On which day?")
    budget: Said[Money] | None = Field(None, description="How much at most?")
    seat: Literal["aisle", "window"] = Field(description="Which seat?")
    vegetarian: bool = False
    bags: int = Field(1, ge=0, le=3, description="How many bags?")


FULL = {"place": "Bali", "day": TODAY, "seat": "aisle"}


def test_the_first_missing_field_is_asked_for() -> None:
    assert gap(Trip, {}) == Question("place", "Where to?")
    assert gap(Trip, {"place": "Bali"}) == Question("day", "On which day?")
    assert gap(Trip, FULL) is None


def test_what_could_not_be_read_is_quoted() -> None:
    assert gap(Trip, FULL | {"day": Unread("next month")}) == Question(
        "day", 'I could not read "next month" as a date. On which day?'
    )
    unread = gap(Trip, FULL | {"budget": Unread("a lot")})
    assert unread is not None
    assert unread.text == 'I could not read "a lot" as an amount of money. How much at most?'


class Parcel(Contract):
    gift: bool | None
    fragile: Annotated[bool | None, Field(description="Does it break?")] = None
    paid: bool
    insured: Said[bool] | None = None
    signed: bool | None = Field(None, alias="signature")
    size: bool | int | None = None


def test_what_is_yes_no_or_null_may_be_settled_before_a_form_is_written() -> None:
    assert open_answers(Parcel) == ("gift", "fragile")
    settled = told_apart(Parcel, {"insured", "signed", "size"}, {"gift": (None,), "fragile": (True,)})
    paid = '{"gift": null, "fragile": true, "paid": %s}'
    grammar = compile_grammar(settled, spaced=True)
    assert admits(grammar, paid % "true")
    assert admits(grammar, paid % "false")
    assert not admits(grammar, (paid % "true").replace("null", "false"))


def test_few_values_become_choices() -> None:
    assert gap(Trip, {"place": "Bali", "day": TODAY}) == Question("seat", "Which seat?", ("aisle", "window"))


def test_a_model_that_does_not_decide_only_copies() -> None:
    assert list(narrowed(Trip, False).model_fields) == ["thinking", "place", "day", "budget"]
    assert narrowed(Trip, True) is Trip.draft()
    assert narrowed(Trip, False) is narrowed(Trip, False)
    assert [name for name in Trip.model_fields if needs_judgement(Trip, name)] == ["seat", "vegetarian", "bags"]


@pytest.mark.parametrize(
    ("field", "answer", "value"),
    [
        ("day", "tomorrow", date(2026, 11, 23)),
        ("day", "soon", None),
        ("budget", "500 euros", Money.read("500 euros", TODAY)),
        ("place", "to Bali", None),  # words need a model to find the name in them
        ("seat", " Window. ", "window"),
        ("seat", "the left one", None),
        ("vegetarian", "Yes", True),
        ("bags", "two", 2),
        ("bags", "nine", None),
    ],
)
def test_an_answer_is_read_as_its_field(field: str, answer: str, value: object) -> None:
    assert read_answer(Trip, field, answer, TODAY) == value


def test_a_choice_is_named_exactly() -> None:
    assert match("  BOOK a trip. ", ("book a trip", "cancel")) == "book a trip"
    assert match("book", ("book a trip", "cancel")) is None


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("both", "book cancel"),
        ("Both, please!", "book cancel"),
        ("I want both of them", "book cancel"),
        ("the two", "book cancel"),
        ("2 and 1", "cancel book"),
        ("cancel and then book a trip", "cancel book"),
        ("book a trip", ""),
        ("2", ""),
        ("both bags", ""),
        ("book a trip and cancel on Friday", ""),
        ("1 and 3", ""),
        ("neither", ""),
        ("", ""),
    ],
)
def test_several_choices_are_wanted_together_only_if_nothing_else_is_said(answer: str, wanted: str) -> None:
    assert " ".join(choice.split()[0] for choice in match_all(answer, ("book a trip", "cancel"))) == wanted


def test_a_field_is_labelled_by_its_description_without_the_mark_at_its_end_or_by_its_name() -> None:
    class Parcel(Contract):
        kind: str = Field(max_length=9, description="Kind of\n product.")
        sent_by: str = Field(max_length=9, description="Who sent it?")
        for_whom: str = Field(max_length=9)

    assert labels(Parcel) == {"kind": "Kind of product", "sent_by": "Who sent it", "for_whom": "for whom"}
