"""A guardrail finds its arguments by type and by name, and speaks through its docstring."""

from __future__ import annotations

from datetime import date

import pytest
from pipeline_world import TODAY

from models.contract import Contract
from models.said import Said
from pipeline import UsageError, guardrail


class Wish(Contract):
    day: Said[date]
    people: Said[int] | None = None


class Room(Contract):
    beds: int


@guardrail(field="day")
def in_the_future(day: date, today: date) -> bool:
    """That day
    is over."""
    return day >= today


@guardrail
async def big_enough(room: Room, wish: Wish) -> bool:
    """The room is too small."""
    return room.beds >= (wish.people or 1)


@guardrail
def few(people: int) -> bool:
    """Too many people."""
    return people < 5


WISH = Wish(day=date(2026, 12, 1), people=3)


async def test_arguments_are_matched_by_type_whatever_their_order() -> None:
    assert not await big_enough.holds([WISH, Room(beds=2)])
    assert await big_enough.holds([Room(beds=3)], known=[WISH])


async def test_arguments_are_matched_by_the_names_of_fields() -> None:
    assert await in_the_future.holds([WISH], {"today": TODAY})
    assert not await in_the_future.holds([], {"today": date(2027, 1, 1)}, known=[WISH])


async def test_what_is_given_comes_before_what_is_known() -> None:
    assert not await few.holds([7], known=[WISH])


async def test_what_was_not_said_breaks_no_rule() -> None:
    assert await few.holds([Wish(day=TODAY)])
    assert await few.holds([None], known=[WISH])


async def test_an_argument_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(UsageError, match="'big_enough' wants a Room as 'room'"):
        await big_enough.holds([WISH])


def test_the_docstring_is_the_message() -> None:
    assert in_the_future.message == "That day is over."
    assert in_the_future.field == "day"
    with pytest.raises(UsageError, match="no docstring"):

        @guardrail
        def silent(people: int) -> bool:
            return True
