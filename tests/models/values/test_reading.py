from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.reading import read

WEDNESDAY = date(2026, 11, 18)
SATURDAY = date(2026, 11, 21)
SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("upcoming weekend", "2026-11-21"),
        ("this weekend", "2026-11-21"),
        ("next weekend", "2026-11-28"),
        ("this Saturday", "2026-11-21"),
        ("Saturday", "2026-11-21"),
        ("next Friday", "2026-11-27"),
        ("the 5th of December", "2026-12-05"),
        ("5th December", "2026-12-05"),
        ("24/12", "2026-12-24"),
        ("tomorrow", "2026-11-19"),
        ("day after tomorrow", "2026-11-20"),
        ("the day after tomorrow", "2026-11-20"),
        ("in two weeks", "2026-12-02"),
        ("in 2 weeks", "2026-12-02"),
        ("Dec 24th 2026", "2026-12-24"),
        ("3rd of March", "2027-03-03"),
        ("Christmas", "2026-12-25"),
        ("around Christmas", "2026-12-25"),
        ("2026-12-24", "2026-12-24"),
        ("12/24", "2026-12-24"),
        ("31/12/2026", "2026-12-31"),
        ("monday", "2026-11-23"),
        ("5th", "2026-12-05"),
        ("the 5th", "2026-12-05"),
        ("a week from now", "2026-11-25"),
        ("in 10 days", "2026-11-28"),
        ("Sat 28 Nov", "2026-11-28"),
        ("Saturday, November 28", "2026-11-28"),
        ("1 February", "2027-02-01"),
        ("29 February", "2028-02-29"),
        ("may 5", "2027-05-05"),
        ("twenty fourth of december", "2026-12-24"),
        ("24/12/26", "2026-12-24"),
        ("Nov 17", "2027-11-17"),
        ("Nov 18", "2026-11-18"),
        ("today", "2026-11-18"),
        ("tonight", "2026-11-18"),
        ("on Friday", "2026-11-20"),
        ("tomorrow morning", "2026-11-19"),
        ("5 December at 7pm", "2026-12-05"),
        ("last Friday", "2026-11-13"),
        ("yesterday", "2026-11-17"),
        ("3 days ago", "2026-11-15"),
        ("Friday next week", "2026-11-27"),
        ("next week Friday", "2026-11-27"),
        ("the 31st", "2026-12-31"),
        ("5th of next month", "2026-12-05"),
        ("this coming Saturday", "2026-11-21"),
        ("on the upcoming weekend", "2026-11-21"),
        ("in a fortnight", "2026-12-02"),
        ("31.12.2026", "2026-12-31"),
        ("on Dec 24, 2026", "2026-12-24"),
        ("December 24th, 2025", "2025-12-24"),
        ("dec 24 '26", "2026-12-24"),
        ("weekend", "2026-11-21"),
        ("5 dec 26", "2026-12-05"),
        ("Friday evening", "2026-11-20"),
        ("Friday 20th November", "2026-11-20"),
        ("Friday the 20th", "2026-11-20"),
        ("21 nov.", "2026-11-21"),
        ("Sept 3", "2027-09-03"),
        ("3 sept", "2027-09-03"),
        ("3rd mar", "2027-03-03"),
        ("5 dec 2026 morning", "2026-12-05"),
        ("leaving tomorrow", "2026-11-19"),
        ("I want to leave on Friday", "2026-11-20"),
        ("Friday week", "2026-11-27"),
        ("this coming weekend", "2026-11-21"),
        ("2 weeks from now", "2026-12-02"),
        ("5.12.2026", "2026-12-05"),
        ("01/02/2027", "2027-02-01"),
        ("24-12-2026", "2026-12-24"),
        ("Tuesday 24 November", "2026-11-24"),
        ("New Year's Eve", "2026-12-31"),
        ("in 5 days", "2026-11-23"),
        ("first of December", "2026-12-01"),
        ("the first of december", "2026-12-01"),
        ("5/6", "2027-06-05"),
        ("5 December 2020", "2020-12-05"),
    ],
)
def test_a_day_is_read_as_it_is_said_on_a_wednesday(text: str, day: str) -> None:
    assert str(read(date, text, WEDNESDAY)) == day


@pytest.mark.parametrize(
    "text",
    [
        "next month",
        "soon",
        "7pm",
        "2",
        "24.12.",
        "next week",
        "December",
        "Sunday, 28 November",
        "may",
        "in a month",
        "from 5 to 8 December",
        "5-8 December",
        "between 5 and 7 December",
        "20k rupees",
        "5 people",
        "24/7",
        "in a couple of weeks",
        "30 February",
        "2026-02-30",
        "1 or 2 December",
        "two weeks",
        "",
        ".",
        "the",
        "on",
        "half past 5",
        "december 2026",
        "a few days from now",
        "in a few days",
        "whenever",
        "anytime",
        "end of December",
        "early December",
        "mid December",
        "20 rupees",
        "2 people",
        "every Friday",
        "Friday or Saturday",
        "13/13",
    ],
)
def test_what_does_not_name_one_day_becomes_a_question(text: str) -> None:
    assert read(date, text, WEDNESDAY) is None


@pytest.mark.parametrize(
    ("today", "text", "day"),
    [
        (SATURDAY, "upcoming weekend", SATURDAY),
        (SATURDAY, "this weekend", SATURDAY),
        (SATURDAY, "next weekend", date(2026, 11, 28)),
        (SATURDAY, "Saturday", SATURDAY),
        (SATURDAY, "next Saturday", date(2026, 11, 28)),
        (SUNDAY, "upcoming weekend", date(2026, 11, 28)),
        (SUNDAY, "this weekend", SUNDAY),
        (SUNDAY, "next weekend", date(2026, 11, 28)),
        (SUNDAY, "next Friday", date(2026, 11, 27)),
        (date(2026, 12, 24), "24 December", date(2026, 12, 24)),
        (date(2026, 12, 25), "24 December", date(2027, 12, 24)),
        (date(2026, 12, 25), "24/12", date(2027, 12, 24)),
        (date(2026, 12, 31), "tomorrow", date(2027, 1, 1)),
        (date(2027, 1, 31), "the 30th", date(2027, 3, 30)),
        (date(2028, 2, 29), "29 February", date(2028, 2, 29)),
        (date(2028, 3, 1), "29 February", date(2032, 2, 29)),
    ],
)
def test_the_day_depends_on_today(today: date, text: str, day: date) -> None:
    assert read(date, text, today) == day


@given(
    st.dates(date(2000, 1, 1), date(2090, 1, 1)),
    st.sampled_from("Monday/Sunday/weekend/the 31st/29 Feb/5/6".split("/")),
)
def test_a_day_without_a_year_lies_ahead(today: date, text: str) -> None:
    day = read(date, text, today)
    assert day is None or day >= today


@given(st.dates(), st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_written_day_reads_back(day: date, today: date) -> None:
    assert read(date, day.isoformat(), today) == day


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("3 people", 3),
        ("two", 2),
        ("me and my wife", 2),
        ("4711, and only 4", None),
        ("4711 and 4 pieces", None),
        ("family of 4", 4),
        ("a couple", 2),
        ("5k", 5000),
        ("just me", 1),
        ("two of us", 2),
        ("the two of us", 2),
        ("me, my wife and two kids", 4),
        ("2 adults and 1 child", 3),
        ("2 or 3", None),
        ("2-3", None),
        ("between 2 and 4", None),
        ("my parents and me", 3),
        ("3.5", None),
        ("TWO", 2),
        ("12", 12),
        ("-4", -4),
        ("1,500", 1500),
        ("20k rupees", None),
        ("5 December", None),
        ("7pm", None),
        ("AB12", None),
        ("both of us", 2),
        ("with 2 friends", None),
        ("we are 4", 4),
        ("4 of us", 4),
        ("there will be six of us", 6),
        ("me and two small kids", 3),
        ("alone", 1),
        ("solo", 1),
        ("half a dozen", 6),
        ("a dozen people", 12),
        ("for three people", 3),
        ("us", None),
        ("zero", 0),
        ("twenty-five", 25),
        ("3 nights", 3),
        ("party of six", 6),
        ("2 adults 1 child", None),
        ("my wife and I", 2),
        ("I", 1),
        ("someone", None),
        ("me and the kids", None),
        ("twenty five hundred", 2500),
        ("one adult", 1),
        ("6 travellers", 6),
        ("just the two of us", 2),
        ("myself only", 1),
        ("2 adults, 2 children and an infant", 5),
        ("a group of 12 students", 12),
        ("may 5", None),
    ],
)
def test_people_and_things_are_counted(text: str, count: int | None) -> None:
    assert read(int, text, WEDNESDAY) == count


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3.5", "3.5"),
        ("-3.5", "-3.5"),
        ("1,200.50", "1200.50"),
        ("1.200,50", "1200.50"),
        ("12,5 kg", "12.5"),
        ("twenty five", "25"),
        ("5k", "5000"),
        ("1e3", "1000"),
        ("about 1.5 million", "1500000"),
        ("2 or 3", None),
        ("1 2", None),
        ("7:30", None),
        ("none of it", None),
    ],
)
def test_numbers_are_read(text: str, number: str | None) -> None:
    expected = None if number is None else Decimal(number)
    assert read(Decimal, text, WEDNESDAY) == expected
    assert read(float, text, WEDNESDAY) == (None if expected is None else float(expected))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", True),
        ("Yes, please!", True),
        ("yes, book it", True),
        ("y", True),
        ("of course", True),
        ("no problem", True),
        ("No.", False),
        ("nope, thanks", False),
        ("don’t do it", False),
        ("cancel", False),
        ("yes but tomorrow", None),
        ("yes or no", None),
        ("ok no", None),
        ("not sure", None),
        ("I don't know", None),
        ("Bali", None),
        ("", None),
    ],
)
def test_answers_are_read(text: str, answer: bool | None) -> None:
    assert read(bool, text, WEDNESDAY) is answer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" Bali", "Bali"),
        ('"Bali",', "Bali"),
        ("Bali.", "Bali"),
        ("(Goa)", "Goa"),
        ("Washington D.C.", "Washington D.C."),
        ('the "Ritz" hotel', 'the "Ritz" hotel'),
        ("हिन्दी?", "हिन्दी"),
        ("...", None),
        ("", None),
    ],
)
def test_words_lose_the_punctuation_around_them(text: str, words: str | None) -> None:
    assert read(str, text, WEDNESDAY) == words


@given(st.text(max_size=64), st.sampled_from([str, int, float, Decimal, bool, date]))
def test_no_text_breaks_the_reading(text: str, kind: type) -> None:
    value = read(kind, text, WEDNESDAY)
    assert value is None or isinstance(value, kind)


WORDS = st.sampled_from(
    "5 24/12 next last the in two weeks ago from now December 5th of Friday weekend 20k 2026 - , 7pm $ rupees a couple "
    "and me my wife every half 31 Feb".split()
)


@given(st.lists(WORDS, max_size=6).map(" ".join), st.sampled_from([int, float, Decimal, bool, date]))
def test_no_jumble_of_such_words_breaks_the_reading(text: str, kind: type) -> None:
    value = read(kind, text, WEDNESDAY)
    assert value is None or isinstance(value, kind)


def test_a_type_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(TypeError, match="Give it a classmethod read"):
        read(complex, "5", WEDNESDAY)
