from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasPath,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
)

import models
from models import Contract, ContractError, Money, Quote, Said, Scratchpad, Unread
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits

TODAY = date(2026, 11, 18)


class Trip(Contract):
    thinking: Scratchpad
    destination: Said[str] = Field(description="Where do you want to go?")
    departure: Said[date]
    budget: Said[Money] | None = Field(None, description="What is the most you want to pay?")
    seats: int = 1


def test_a_value_is_frozen_and_knows_no_other_field() -> None:
    trip = Trip(thinking="", destination="Bali", departure=date(2026, 12, 5))
    with pytest.raises(ValidationError):
        trip.destination = "Goa"
    with pytest.raises(ValidationError):
        Trip.model_validate({"thinking": "", "destination": "Bali", "departure": "tomorrow", "hotel": "Ritz"})


def test_a_contract_tells_its_questions_and_what_is_private() -> None:
    assert Trip.questions() == {
        "destination": "Where do you want to go?",
        "departure": "What is the departure?",
        "budget": "What is the most you want to pay?",
        "seats": "What is the seats?",
    }
    assert Trip.private_fields() == ("thinking",)


def test_the_public_form_is_json_without_the_scratchpad() -> None:
    said = {"thinking": "cheap", "destination": " Bali", "departure": "tomorrow", "budget": "20k rupees"}
    trip = Trip.model_validate(said, context={"today": TODAY})
    assert trip.public() == {"destination": "Bali", "departure": "2026-11-19", "budget": "20000 INR", "seats": 1}


def test_a_draft_has_the_same_fields_in_the_same_order_and_may_know_nothing_yet() -> None:
    draft = Trip.draft()
    assert draft is Trip.draft()
    assert draft.__name__ == "TripDraft"
    assert list(draft.model_fields) == list(Trip.model_fields)
    empty = draft.model_validate({"thinking": "hm"})
    assert empty.public() == dict.fromkeys(["destination", "departure", "budget", "seats"])
    assert draft.questions() == Trip.questions()
    unread = draft.model_validate({"thinking": "", "departure": "soon"}, context={"today": TODAY})
    assert unread.departure == Unread("soon")  # type: ignore[attr-defined]


def test_the_hash_changes_with_the_grammar_only() -> None:
    def trip(most: int, description: str) -> str:
        fields: Any = {"name": (str, Field(max_length=most, description=description))}
        return create_model("Named", __base__=Contract, **fields).contract_hash()

    assert trip(5, "Who?") == trip(5, "Which name?") != trip(6, "Who?")
    assert len(Trip.contract_hash()) == 16


def test_the_hash_is_the_one_that_folders_hold_from_before_texts_had_line_breaks() -> None:
    fields: Any = {"name": (str, Field(max_length=5)), "code": (str, Field(pattern="^[^x]+$")), "seats": (int, ...)}
    assert create_model("Kept", __base__=Contract, **fields).contract_hash() == "9a9adb1243bd9b5e"


def test_custom_validators_are_listed_as_checked_after_and_not_in_the_draft() -> None:
    class Even(Contract):
        number: int

        @field_validator("number")
        @classmethod
        def is_even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("odd")
            return number

    assert Even.checked_after() == ("is_even",)
    assert Even.draft().checked_after() == ()


def test_validators_inside_types_and_inside_other_contracts_are_listed_as_well() -> None:
    def is_even(number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number

    class Inner(Contract):
        number: int

        @field_validator("number")
        @classmethod
        def is_small(cls, number: int) -> int:
            return number

    class Outer(Contract):
        first: Annotated[int, AfterValidator(is_even)]
        inner: list[Inner] | None = Field(max_length=2)
        numbers: list[Annotated[int, AfterValidator(is_even)]] = Field(max_length=2)

    assert Outer.checked_after() == ("first: is_even", "Inner.is_small", "numbers: is_even")
    with pytest.raises(ValidationError, match="odd"):
        Outer.model_validate_json('{"first":1,"inner":null,"numbers":[]}')
    assert Outer.draft().model_validate_json('{"first":1}').public()["first"] == 1


class Mood(Enum):
    WARM = (1, 5)


class Empty(Enum):
    pass


class Private(Contract):
    thinking: Scratchpad
    fine: bool


class Reference(str):
    @classmethod
    def read(cls, text: str, today: date) -> Reference | None:
        return cls(text.strip()) if text.strip().isalnum() else None


@pytest.mark.parametrize(
    ("annotation", "field", "advice"),
    [
        (str, Field(max_length=9, pattern="a^"), r"has a pattern with \^ in the middle, .*Move \^ to the start"),
        (str, Field(min_length=3, max_length=2), r"at least 3 and at most 2"),
        (int, Field(ge=3, le=2), r"at least 3 and at most 2"),
        (int, Field(multiple_of=9973), r"too many different multiples of 9973 .*Bound it with ge and le"),
        (int, Field(ge=10**12), r"at least 1000000000000 and at most 999999999999"),
        (float, Field(ge=0, le=1e20), r"Bound it below 1e15"),
        (float, Field(ge=0, le=float("inf")), r"Give finite ge and le"),
        (float, Field(ge=0.00000011, le=0.00000012), r"no number between its bounds\. Widen"),
        (Decimal, Field(max_digits=40, decimal_places=2), r"between that and 28"),
        (Decimal, Field(max_digits=2, decimal_places=3), r"max_digits=2 beside decimal_places=3"),
        (list[complex], Field(max_length=2), r"Bad\.field\[…\] is complex, .*Use two floats"),
        (datetime, Field(ge=TODAY), r"bounded by datetime\.date.*Give the bound as a datetime"),
        (time, Field(ge=time(9), lt=time(9)), r"no value between its bounds\. Give both ends"),
        (complex, ..., r"complex, which no grammar can enforce\. Use two floats"),
        (Money, ..., r"Write Said\[Money\]"),
        (int | bool, Field(ge=3), r"has ge, .*guardrail"),
        (Literal[b"a"], ..., r"offers b'a', .*Use str, int or bool"),
        (Mood, ..., r"offers \(1, 5\)"),
        (Empty, ..., r"nothing to choose from\. Add a member"),
        (Private, ..., r"Private\.thinking is a Scratchpad that would not be written first"),
        (Scratchpad | None, ..., r"hides a Scratchpad inside another type\. Declare it as plain Scratchpad"),
        (Said[complex], ..., r"Said\[complex\], .*give the class a classmethod read"),
        (Said[int], Field(ge=1), r"has ge, .*guardrail"),
        (bool, Field(serialization_alias="flag"), r'read from "field" but written as "flag"\. Use alias=… alone'),
        (bool, Field(validation_alias=AliasPath("a", 0)), r"read from a path.*alias that is one text"),
        (date, Field(gt=TODAY, le=TODAY), r"no value between its bounds\. Give both ends"),
    ],
)
def test_a_field_that_cannot_be_enforced_is_refused_with_advice(annotation: Any, field: Any, advice: str) -> None:
    fields: Any = {"field": (annotation, field)}
    with pytest.raises(ContractError, match=advice):
        create_model("Bad", __base__=Contract, **fields)


def test_sets_and_dicts_whose_items_may_repeat_are_listed_as_checked_after() -> None:
    class Bag(Contract):
        colours: set[Literal["red", "blue"]]
        numbers: set[int] = Field(max_length=3)
        prices: dict[Annotated[str, Field(max_length=3)], int] = Field(max_length=2)
        sizes: dict[Literal["s", "m"], int]

    assert Bag.checked_after() == ("numbers: repeated items are dropped", "prices: the last of repeated keys counts")


def test_a_limit_that_is_set_twice_is_refused() -> None:
    with pytest.raises(ContractError, match=r"Twice\.name sets max_length twice\. Keep one"):

        class Twice(Contract):
            name: Annotated[str, Field(max_length=3)] | None = Field(max_length=4)


def test_a_scratchpad_comes_first() -> None:
    with pytest.raises(ContractError, match=r"Late\.thinking .*Declare it before every other field"):

        class Late(Contract):
            fine: bool
            thinking: Scratchpad


def test_a_contract_that_contains_itself_goes_two_deep_unless_it_says_otherwise() -> None:
    class Tree(Contract):
        children: list[Tree] = Field(max_length=2)

    assert compile_grammar(Tree).tightened == ("Tree: 2 deep",)
    for text, admitted in (('{"children":[]}', True), ('{"children":[{"children":[{"children":[]}]}]}', True)):
        assert admits(compile_grammar(Tree), text) is admitted
    assert not admits(compile_grammar(Tree), '{"children":[{"children":[{"children":[{"children":[]}]}]}]}')

    with pytest.raises(ContractError, match=r"Endless contains itself, and must"):

        class Endless(Contract):
            more: Endless


def test_a_type_that_does_not_exist_yet_is_refused() -> None:
    with pytest.raises(ContractError, match=r"Early names a type that does not exist yet\. Define that type above it"):

        class Early(Contract):
            later: Later  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        (ConfigDict(extra="ignore"), r"must forbid extra fields"),
        (ConfigDict(frozen=False), r"be frozen"),
        (ConfigDict(use_enum_values=True), r"sets use_enum_values.*Remove it from model_config"),
    ],
)
def test_a_configuration_that_changes_what_is_valid_is_refused(config: ConfigDict, advice: str) -> None:
    with pytest.raises(ContractError, match=advice):

        class Loose(Contract):
            model_config = config
            fine: bool


def test_an_app_brings_its_own_types() -> None:
    class Cancellation(Contract):
        booking: Said[Reference]
        quote: Quote | None

    value = Cancellation.model_validate_json('{"booking":"AB12","quote":null}')
    assert type(value.booking) is Reference
    assert Cancellation.model_validate_json(value.model_dump_json()) == value
    assert Cancellation.model_validate_json('{"booking":"my booking","quote":null}').booking == Unread("my booking")


def test_the_package_says_what_is_public_and_loads_no_engine() -> None:
    assert models.__all__ == ["Contract", "ContractError", "Money", "Quote", "Said", "Scratchpad", "Unread"]
    engines = "torch transformers openai outlines vllm llguidance dateparser"
    code = f"import sys, models; print([name for name in '{engines}'.split() if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
