"""Sixteen thousand characters as an answer: looked through so far and no farther, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from typing import Self

import pytest
from pipeline_world import TODAY, Passing
from pydantic import Field

from models import Contract, Money, Said
from models.values.reading import read
from pipeline import Journal
from pipeline.errors import Suspend
from pipeline.forms import dialogue_acts, extraction

LONG = 16_000


def filled(piece: str) -> str:
    return (piece * (LONG // len(piece) + 1))[:LONG]


class Counted(str):
    """A kind of one's own whose readings are counted."""

    readings = 0

    @classmethod
    def read(cls, text: str, today: date) -> Self | None:
        cls.readings += 1
        return cls(text) if text.startswith("C-") else None


class Slow(str):
    """A kind whose reading waits for somebody else, at most so long."""

    begun, may_end = threading.Event(), threading.Event()

    @classmethod
    def read(cls, text: str, today: date) -> Self | None:
        cls.begun.set()
        return cls("free" if cls.may_end.wait(20) else "held up")


class Form(Contract):
    code: Said[Counted] = Field(description="Which code?")
    day: Said[date] | None = Field(None, description="On which day?")
    budget: Said[Money] | None = Field(None, description="How much at most?")
    people: Said[int] | None = Field(None, description="How many people?")


class Slowly(Contract):
    word: Said[Slow] = Field(description="Which word?")


@pytest.mark.parametrize("piece", ["January 3 ", "20k ", "1 ", "me and ", "C-1 C-2 ", "I want to fly to Goa. "])
def test_a_story_is_not_looked_through_word_by_word(piece: str) -> None:
    Counted.readings = 0
    extraction.parse(Form, "code", filled(piece), TODAY, ("day", "budget", "people"))
    assert Counted.readings <= 1 + dialogue_acts.MOST_WORDS * dialogue_acts.LONGEST
    assert dialogue_acts.mentioned(date, filled(piece), TODAY) == []


def test_the_same_words_are_read_once_and_the_second_value_ends_the_search() -> None:
    Counted.readings = 0
    assert extraction.only(Form, "code", "a b " * 50, TODAY) is None
    assert Counted.readings <= 2 * dialogue_acts.LONGEST + dialogue_acts.LONGEST
    Counted.readings = 0
    assert extraction.only(Form, "code", " ".join(f"C-{number}" for number in range(60)), TODAY) is None
    assert Counted.readings <= 2


@pytest.mark.parametrize("kind", [int, float, bool, date, Money])
def test_so_many_words_are_no_number_day_or_amount(kind: type) -> None:
    assert read(kind, "yes " + filled(" ") + "3 December for 20 EUR", TODAY) is None


async def test_a_long_answer_is_read_while_everybody_else_goes_on(passing: Passing, journal: Journal) -> None:
    Slow.begun.clear()
    Slow.may_end.clear()
    with pytest.raises(Suspend) as asked:
        await passing()._scope.filling.collect(Slowly, {"word": None}, ())
    assert asked.value.question.field == "word"
    await journal.write(("UPDATE records SET status = 'needs_input' WHERE id = 'r1'", ()))
    await journal.answer("r1", filled("January 3 ").strip())

    async def again() -> Slowly:
        form, _ = await passing()._scope.filling.collect(Slowly, {"word": None}, ())
        return form

    work = asyncio.create_task(again())
    while not (Slow.begun.is_set() or work.done()):
        await asyncio.sleep(0.001)
    Slow.may_end.set()
    assert (await work).word == "free"
