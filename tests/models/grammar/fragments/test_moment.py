from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import (
    AwareDatetime,
    Field,
    NaiveDatetime,
    ValidationError,
    create_model,
)
from random_walk import admits, random_walk

from models import Contract, ContractError
from models.grammar.fragments.calendar import DAY, days, durations, moments, times
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")
INDIA = timezone(timedelta(hours=5, minutes=30))


def one(annotation: Any, **limits: Any) -> type[Contract]:
    fields: Any = {"at": (annotation, Field(**limits))}
    return create_model("One", __base__=Contract, **fields)


def walk(contract: type[Contract], seed: int) -> str:
    """A random text of the contract's, which is valid, and whose value is read back from JSON as it was written."""
    text, _ = random_walk(compile_grammar(contract), BYTES, Random(seed))
    value = contract.model_validate_json(text)
    assert contract.model_validate_json(value.model_dump_json()) == value
    return text


def valid(contract: type[Contract], text: str) -> bool:
    try:
        contract.model_validate_json(f'{{"at":"{text}"}}')
    except ValidationError:
        return False
    return True


KINDS = [
    (date, {}),
    (date, {"ge": date(2024, 2, 27), "lt": date(2024, 3, 2)}),
    (date, {"gt": date(1000, 1, 1), "le": date(9999, 12, 31)}),
    (time, {}),
    (time, {"ge": time(9), "le": time(17, 30)}),
    (time, {"gt": time(9, tzinfo=INDIA), "lt": time(23, 30, tzinfo=UTC)}),
    (datetime, {}),
    (datetime, {"ge": datetime(2026, 1, 31, 23, 59, 58), "le": datetime(2026, 3, 1, 0, 0, 1)}),
    (datetime, {"ge": datetime(2026, 1, 31, tzinfo=INDIA)}),
    (AwareDatetime, {}),
    (AwareDatetime, {"gt": datetime(2026, 1, 31, tzinfo=INDIA), "lt": datetime(2026, 2, 1, tzinfo=UTC)}),
    (NaiveDatetime, {}),
    (NaiveDatetime, {"gt": datetime(2026, 1, 31, 0, 0, 0, 5), "lt": datetime(2026, 1, 31, 0, 0, 9, 5)}),
    (timedelta, {}),
    (timedelta, {"ge": timedelta(days=-2), "lt": timedelta(hours=5)}),
    (timedelta, {"gt": timedelta(0), "le": timedelta(days=400_000)}),
    (timedelta, {"ge": timedelta(minutes=15), "le": timedelta(minutes=90)}),
]


@pytest.mark.parametrize(("annotation", "limits"), KINDS)
def test_whatever_a_model_writes_is_a_moment_between_the_bounds(annotation: Any, limits: dict[str, Any]) -> None:
    for seed in range(200):
        walk(one(annotation, **limits), seed)


@settings(max_examples=150, deadline=None)
@given(
    low=st.datetimes(datetime(1000, 1, 2), datetime(9000, 1, 1)),
    width=st.timedeltas(timedelta(seconds=1), timedelta(days=365_000)),
    zone=st.sampled_from([None, UTC, INDIA]),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_bounds_of_a_moment_they_hold(
    low: datetime, width: timedelta, zone: timezone | None, seed: int
) -> None:
    walk(one(datetime, gt=low.replace(tzinfo=zone), le=(low + width).replace(tzinfo=zone)), seed)
    walk(one(time, gt=low.time().replace(hour=9, tzinfo=zone)), seed)


@settings(max_examples=150, deadline=None)
@given(
    low=st.timedeltas(timedelta(days=-900_000_000), timedelta(days=900_000_000)),
    width=st.timedeltas(timedelta(seconds=2), timedelta(days=99_000_000)),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_bounds_of_a_duration_they_hold(low: timedelta, width: timedelta, seed: int) -> None:
    walk(one(timedelta, gt=low, lt=low + width), seed)


@settings(deadline=None)
@given(st.dates(date(1000, 1, 1)), st.integers(0, 1200), st.integers(0, 9))
def test_days_are_those_between_the_bounds(low: date, width: int, centuries: int) -> None:
    high = date.fromordinal(min(low.toordinal() + width + 36_525 * centuries, date.max.toordinal()))
    pattern = re.compile(days(low, high))
    near = {bound.toordinal() + distance for bound in (low, high) for distance in range(-70, 70)}
    for number in (number for number in near if date(1000, 1, 1).toordinal() <= number <= date.max.toordinal()):
        day = date.fromordinal(number)
        assert bool(pattern.fullmatch(str(day))) == (low <= day <= high)
    for year in range(low.year, min(low.year + 9, 9999)):
        for wrong in ("00-01", "01-00", "02-30", "04-31", "06-31", "09-31", "11-31", "12-32", "13-01"):
            assert not pattern.fullmatch(f"{year}-{wrong}")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, DAY - 1), st.integers(0, DAY - 1))
def test_times_are_all_seconds_between_the_bounds(one_end: int, other_end: int) -> None:
    low, high = sorted((one_end, other_end))
    pattern = re.compile(times(low, high))
    for number in range(DAY):
        text = f"{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        assert bool(pattern.fullmatch(text)) == (low <= number <= high)


@settings(deadline=None)
@given(st.datetimes(datetime(1000, 1, 1)), st.integers(0, 10**9), st.integers(-(10**9), 10**9))
def test_moments_are_those_between_the_bounds(low: datetime, width: int, distance: int) -> None:
    first = low.toordinal() * DAY + low.hour * 3600 + low.minute * 60 + low.second
    last = min(first + width, date.max.toordinal() * DAY + DAY - 1)
    for number in (first - 1, first, first + 1, first + distance, last - 1, last, last + 1):
        if date(1000, 1, 1).toordinal() <= number // DAY <= date.max.toordinal():
            text = f"{datetime.min + timedelta(seconds=number - DAY):%Y-%m-%dT%H:%M:%S}"
            assert bool(re.fullmatch(moments(first, last), text)) == (first <= number <= last)


def forms(seconds: int) -> list[str]:
    """Every form of a duration that the grammar may write: one unit, or all that are not zero."""
    sign, rest = "-" * (seconds < 0), abs(seconds)
    units = [("P{}W", 7 * DAY), ("P{}D", DAY), ("PT{}H", 3600), ("PT{}M", 60), ("PT{}S", 1)]
    found = [sign + form.format(rest // unit) for form, unit in units if rest % unit == 0]
    parts = [f"{rest // DAY}D", f"{rest // 3600 % 24}H", f"{rest // 60 % 60}M", f"{rest % 60}S"]
    clock = "".join(part for part in parts[1:] if part[:-1] != "0")
    whole = "P" + (parts[0] if rest >= DAY else "") + ("T" + clock if clock else "")
    return [*found, *([sign + whole] if rest else [])]


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.integers(-(2 * 10**6), 2 * 10**6))
def test_durations_are_those_between_the_bounds(low: int, width: int, number: int) -> None:
    pattern = re.compile(durations(low, low + width))
    for seconds in (low - 1, low, low + 1, number, number // 3600 * 3600, number // DAY * DAY, low + width + 1):
        for text in forms(seconds):
            assert bool(pattern.fullmatch(text)) == (low <= seconds <= low + width), text


@pytest.mark.parametrize(
    ("annotation", "text", "admitted"),
    [
        (time, "23:59:59", True),
        (time, "24:00:00", False),
        (time, "23:59:60", False),
        (time, "23:59:59Z", False),
        (datetime, "2024-02-29T00:00:00", True),
        (datetime, "2023-02-29T00:00:00", False),
        (datetime, "2024-02-29T00:00:00Z", True),
        (datetime, "2024-02-29T00:00:00+05:30", True),
        (datetime, "2024-02-29T00:00:00-23:59", True),
        (datetime, "2024-02-29T00:00:00+24:00", False),
        (AwareDatetime, "2024-02-29T00:00:00", False),
        (AwareDatetime, "2024-02-29T00:00:00-03:00", True),
        (NaiveDatetime, "2024-02-29T00:00:00", True),
        (NaiveDatetime, "2024-02-29T00:00:00Z", False),
        (timedelta, "PT0S", True),
        (timedelta, "P1DT12H", True),
        (timedelta, "PT36H", True),
        (timedelta, "P2W", True),
        (timedelta, "PT1H0M", False),
        (timedelta, "P", False),
        (timedelta, "-PT1S", False),
    ],
)
def test_a_moment_has_one_of_few_forms(annotation: Any, text: str, admitted: bool) -> None:
    assert admits(compile_grammar(one(annotation)), BYTES, f'{{"at":"{text}"}}') is admitted


def test_bounds_with_a_zone_are_kept_in_utc() -> None:
    contract = one(AwareDatetime, ge=datetime(2026, 1, 1, 5, tzinfo=INDIA), le=datetime(2026, 1, 1, 6, tzinfo=INDIA))
    grammar = compile_grammar(contract)
    for text in ("2025-12-31T23:29:59Z", "2025-12-31T23:30:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:30:01Z"):
        assert admits(grammar, BYTES, f'{{"at":"{text}"}}') == valid(contract, text)
    assert admits(grammar, BYTES, '{"at":"2026-01-01T00:30:00Z"}')
    assert not admits(grammar, BYTES, '{"at":"2026-01-01T00:30:00"}')


@pytest.mark.parametrize(
    ("annotation", "limits", "advice"),
    [
        (date, {"le": date(1899, 1, 1)}, r"no value between its bounds\. Give both ends"),
        (date, {"le": date(999, 1, 1), "ge": date(990, 1, 1)}, r"no value between its bounds"),
        (date, {"ge": "2020-01-01"}, r"bounded by .2020-01-01., which is no date\. Give the bound as a date"),
        (time, {"ge": time(0, 0, 0, 1), "le": time(0, 0, 0, 2)}, r"no value between its bounds"),
        (datetime, {"ge": date(2020, 1, 1)}, r"bounded by datetime\.date.*Give the bound as a datetime"),
        (datetime, {"ge": datetime.min, "le": datetime.now(UTC)}, r"one without\. Give both, or neither, one"),
        (AwareDatetime, {"ge": datetime(2020, 1, 1)}, r"has a time zone, .*Give the bounds tzinfo=UTC"),
        (NaiveDatetime, {"ge": datetime(2020, 1, 1, tzinfo=UTC)}, r"has no time zone, .*bounds without tzinfo"),
        (timedelta, {"le": timedelta(seconds=-1)}, r"no value between its bounds\. Give both ends"),
        (timedelta, {"multiple_of": timedelta(minutes=15)}, r"has multiple_of, .*guardrail"),
    ],
)
def test_a_moment_that_cannot_be_enforced_is_refused_with_advice(
    annotation: Any, limits: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ContractError, match=r"One\.at .*" + advice):
        one(annotation, **limits)


def test_bounds_come_from_annotations_too() -> None:
    contract = one(Annotated[date, Field(ge=date(2026, 12, 24))] | None, le=date(2026, 12, 26))
    assert {walk(contract, seed) for seed in range(60)} == {
        '{"at":null}',
        *(f'{{"at":"2026-12-{day}"}}' for day in (24, 25, 26)),
    }
