"""Code finds what only one reading of a customer's words can be."""

from __future__ import annotations

import re
from datetime import date
from typing import Self

import pytest
from pipeline_world import TODAY
from pydantic import Field

from models import Contract, Money, Said
from pipeline.forms import extraction
from pipeline.forms.extraction import certain, spelled
from pipeline.forms.leniency import guesses
from pipeline.forms.slots import read_words


class Card(str):
    @classmethod
    def read(cls, text: str, today: date) -> Card | None:
        found = re.search(r"\bL-?(\d{5})\b", text)
        return cls(f"L-{found[1]}") if found else None


class Nickname(str):
    @classmethod
    def read(cls, text: str, today: date) -> Nickname | None:
        return cls(text.split()[-1])


class Loan(Contract):
    card: Said[Card]
    name: Said[Nickname]


class Move(Contract):
    old: Said[Card]
    new: Said[Card]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["Renew the book on my card L-10234, please"], "L-10234"),
        (["My card is L10234.", "That is L-10234"], "L-10234"),
        (["L-10234 or L-20077"], None),
        (["Renew my book"], None),
    ],
)
def test_a_code_is_read_where_one_was_said(said: list[str], found: str | None) -> None:
    words = spelled(Loan, ["card", "name"], said, TODAY)
    assert Card.read(words.get("card", ""), TODAY) == found
    assert "name" not in words  # its class takes any word for a value


def test_two_fields_of_one_class_are_left_to_the_model() -> None:
    assert spelled(Move, ["old", "new"], ["L-10234"], TODAY) == {}


def test_a_class_that_guesses_is_told_from_one_that_does_not() -> None:
    assert not guesses(Card, TODAY)
    assert guesses(Nickname, TODAY)


class AssetTag(str):
    """Four digits."""

    @classmethod
    def read(cls, text: str, today: date) -> Self | None:
        return next((cls(word.strip(",.")) for word in text.split() if re.fullmatch(r"\d{4}[,.]?", word)), None)


class Order(Contract):
    tag: Said[AssetTag] = Field(description="Which tag?")
    quantity: Said[int] | None = Field(None, description="How many?")


@pytest.mark.parametrize(
    ("answer", "beside"),
    [
        ("4711, and only 4 laptops", {"quantity": 4}),
        ("4711", {}),
        ("4711 on 4 December", {}),
        ("4711, that is all", {}),
    ],
)
def test_what_stands_beside_a_value_is_kept(answer: str, beside: dict[str, object]) -> None:
    assert extraction.parse(Order, "tag", answer, TODAY) == extraction.Whole(AssetTag("4711"), beside)


class Ride(Contract):
    name: Said[str]
    day: Said[date]
    price: Said[Money] | None = None
    riders: Said[int] | None = None
    shared: Said[bool] | None = None


class Span(Contract):
    first: Said[date]
    last: Said[date]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["3 of us on 9 January, max Rs. 25,000"], {"day": "on 9 January", "price": "Rs. 25,000", "riders": "3 of us"}),
        (["10 Jan 2 pax GBP 900"], {"day": "10 Jan", "price": "GBP 900", "riders": "2 pax"}),
        (["book me a ride on 9 January, or 10 January, under 8000 yen or 60 dollars"], {}),
        (["on 9 January", "for 20 dollars"], {"day": "on 9 January", "price": "20 dollars"}),
        (["on 9 January", "no, on 11 January"], {}),
        (["budget 1.5 lakh"], {}),
        (["two tickets, under 8000"], {"riders": "two"}),
    ],
)
def test_what_code_can_read_for_certain_needs_no_model(said: list[str], words: dict[str, str]) -> None:
    found = certain(Ride, said, TODAY)
    assert found.keys() == words.keys()
    for name, text in words.items():
        assert read_words(Ride, name, found[name], TODAY) == read_words(Ride, name, text, TODAY)
    assert certain(Span, said, TODAY) == {}


def test_what_code_has_read_has_no_words_of_others_and_nothing_else_may_be_copied_from_it() -> None:
    said = ["Trip for 2 to Paris, 1,000 euros total"]
    words = certain(Ride, said, TODAY)
    assert words == {"riders": "2", "price": "1,000 euros"}
    assert extraction.without(said, words.values()) == ["Trip for", "to Paris,", "total"]
    assert extraction.without(["2 of 12"], ["2"]) == ["of 12"]
    assert extraction.without(said, []) == said
    assert spelled(Loan, ["card"], ["so we renew it, card L-10234"], TODAY) == {"card": "L-10234"}


class Report(Contract):
    card: Said[Card]
    tag: Said[AssetTag] | None = None


@pytest.mark.parametrize(
    ("copied", "mistaken"),
    [
        ("Version", True),  # what stands before a value
        ("10234", True),  # a part of it
        ("4711", True),  # another field's value
        ("L-9999", False),  # a card that is misspelt: which of the two?
    ],
)
def test_words_that_are_no_value_are_told_from_a_value_that_is_misspelt(copied: str, mistaken: bool) -> None:
    assert extraction.mistaken(Report, "card", copied, "L-10234", TODAY) is mistaken
