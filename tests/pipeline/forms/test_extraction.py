"""Code finds what only one reading of a customer's words can be."""

from __future__ import annotations

import re
from datetime import date

import pytest
from pipeline_world import TODAY

from models import Contract, Said
from pipeline.forms.extraction import spelled
from pipeline.forms.leniency import guesses


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
