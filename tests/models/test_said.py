from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from models import Contract, ContractError, Money, Said, Unread
from models.said import SaidMark

TODAY = date(2026, 11, 18)


class Heard(BaseModel):
    words: Said[str] | None = None
    count: Said[int] | None = None
    share: Said[float] | None = None
    exact: Said[Decimal] | None = None
    answer: Said[bool] | None = None
    day: Said[date] | None = None
    price: Said[Money] | None = None


def heard(**said: Any) -> Heard:
    return Heard.model_validate(said, context={"today": TODAY})


def test_words_become_values_of_their_type() -> None:
    value = heard(
        words=' "Bali",',
        count="two of us",
        share="0.5",
        exact="12.50",
        answer="yes please",
        day=" tomorrow",
        price="£80",
    )
    assert value == Heard(
        words="Bali",
        count=2,
        share=0.5,
        exact=Decimal("12.50"),
        answer=True,
        day=date(2026, 11, 19),
        price=Money(Decimal(80), "GBP"),
    )


def test_without_a_context_today_is_today() -> None:
    assert Heard.model_validate({"day": "today"}).day == date.today()


def test_what_cannot_be_read_is_kept_as_said_and_is_no_error() -> None:
    value = heard(day=" soon", count="some", price="cheap", words=" , ")
    assert [value.day, value.count, value.price, value.words] == [
        Unread("soon"),
        Unread("some"),
        Unread("cheap"),
        Unread(","),
    ]
    assert str(value.day) == "soon"


def test_a_value_that_is_no_text_becomes_words_in_python_too() -> None:
    assert heard(day="soon", price="£80").model_dump(exclude_none=True) == {"day": "soon", "price": "80 GBP"}


def test_values_serialise_to_words_that_read_back() -> None:
    value = heard(words="Bali", count="2", share="0.1", exact="1E+3", answer="no", day="24/12", price="20k rupees")
    assert value.model_dump(mode="json") == {
        "words": "Bali",
        "count": "2",
        "share": "0.1",
        "exact": "1000",
        "answer": "no",
        "day": "2026-12-24",
        "price": "20000 INR",
    }
    assert Heard.model_validate_json(value.model_dump_json()) == value


@given(st.sampled_from(list(Heard.model_fields)), st.text(max_size=64))
def test_every_text_is_accepted_and_survives_the_journal(field: str, text: str) -> None:
    value = heard(**{field: text})
    stored = value.model_dump_json()
    assert Heard.model_validate_json(stored, context={"today": TODAY}) == value


@pytest.mark.parametrize("wrong", [{"day": 5}, {"count": True}, {"day": datetime(2026, 1, 1)}, {"price": 500}])
def test_what_is_neither_words_nor_the_type_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected words to read as"):
        Heard.model_validate(wrong)


def test_none_needs_an_optional() -> None:
    class Strict(BaseModel):
        day: Said[date]

    with pytest.raises(ValidationError):
        Strict.model_validate({"day": None})


def test_a_schema_shows_a_bounded_string() -> None:
    class Long(BaseModel):
        words: Annotated[str, SaidMark(str, max_length=200)]

    assert Long.model_json_schema()["properties"]["words"]["maxLength"] == 200


class Day(str):
    """A day."""

    @classmethod
    def read(cls, text: str, today: date) -> date:
        return today


def test_a_read_that_makes_something_else_of_words_is_the_classs_fault_and_named() -> None:
    class Visit(Contract):
        day: Said[Day]

    with pytest.raises(ContractError, match=r"Day\.read made a date of words\. Let it return a Day, or None"):
        Visit.model_validate_json('{"day":"tomorrow"}')


def test_a_type_checker_sees_the_type_itself(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from datetime import date\n"
        "from models import Contract, Said, Quote, Scratchpad\n"
        "class Trip(Contract):\n"
        "    thinking: Scratchpad\n"
        "    day: Said[date]\n"
        "    to: Said[str] | None\n"
        "    quote: Quote\n"
        "def use(trip: Trip) -> None:\n"
        "    reveal_type(trip.thinking)\n"
        "    reveal_type(trip.day)\n"
        "    reveal_type(trip.to)\n"
        "    reveal_type(trip.quote)\n"
    )
    root = Path(__file__).parents[2]
    # With the cache of `make lint`: what this project imports is checked once, not here again.
    command = [sys.executable, "-m", "mypy", "--strict", str(program)]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    revealed = [line.split('"')[1].removeprefix("builtins.") for line in shown.splitlines() if "Revealed" in line]
    assert [kind.replace("builtins.", "") for kind in revealed] == ["str", "datetime.date", "str | None", "str"], shown
