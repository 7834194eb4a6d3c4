"""Days as customers name them: "upcoming weekend", "next Friday", "5 December", "in two weeks".

Knows the English calendar words and the conventions below; dateparser reads written dates and distances. Does not know
what the day is for. What does not name exactly one day ("next month", "soon", "7pm", "5-8 December") is None.
"""

from __future__ import annotations

import re
import warnings
from datetime import date, datetime, time, timedelta

from models.values.number import figures

_WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAY = r"(?P<weekday>mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_MONTHS = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|ust|tember|ober|ember)?\b\.?"
_BEFORE = re.compile(
    r"(?:[\s,;:.!?\"'()]+|(?:on|from|the|around|about|approximately|approx|roughly|for|of|at|maybe|perhaps|starting|leaving|"
    r"departing|travell?ing|it's|is|i|we|want|to|go|leave|fly|travel|date|and)\b(?=.))"
)
_AFTER = re.compile(
    r"(?:[\s,;:.!?\"'()]+|\b(?:please|if possible|or so|(?:in the |early |late )?(?:morning|afternoon|evening|night|"
    r"noon)|(?:at |around )?\d{1,2}(?:[:.]\d\d)? ?[ap]\.?m\.?|at \d{1,2}(?:[:.]\d\d)?(?: o'clock)?))$"
)
_WEEKEND = re.compile(r"(?:(?P<which>this|the|upcoming|coming|next|following) ?)*weekend")
_NAMED = re.compile(
    rf"(?:(?P<which>this|upcoming|coming|next|following|last) ?)*{_WEEKDAY}"
    r"(?P<later> (?:of )?(?:next|the following) week| week)?"
    rf"|(?:next|the following) week(?: on)? {_WEEKDAY.replace('weekday', 'other')}"
)
_OF_MONTH = re.compile(
    rf"(?:{_WEEKDAY}\W+(?:the )?)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)(?: of (?P<which>this|the|next)(?: month)?)?"
)
# Without a year only with a slash: "5-8" is a range, "7.30" a time.
_NUMERIC = re.compile(
    r"(?!24/7$)(?P<a>\d{1,2})(?:/(?P<b>\d{1,2})|(?P<mark>[/.-])(?P<c>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d))"
)
_ISO = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
_DISTANCE = re.compile(
    r"in (?:about )?(?:\d{1,3}|an?) (?:days?|weeks?|fortnight)(?:'? time)?"
    r"|(?:\d{1,3}|an?) (?:(?:days?|weeks?|fortnight) (?:from (?:now|today)|hence|ago)|months? (?:from today|ago))"
)
_WRITTEN = re.compile(
    rf"(?:{_WEEKDAY}\W+(?:the )?)?(?P<written>(?:\d{{1,2}}(?:st|nd|rd|th)?(?: day)?(?: of)?[ ./-]*{_MONTHS}"
    rf"|{_MONTHS}[ ./-]*(?:the )?\d{{1,2}}(?:st|nd|rd|th)?)(?P<year>[ ,./-]*(?:of )?(?:\d{{4}}|'?\d\d))?)"
)
_FEASTS = {
    "christmas": (12, 25), "christmas day": (12, 25), "xmas": (12, 25), "christmas eve": (12, 24),
    "boxing day": (12, 26), "new year": (1, 1), "new years": (1, 1), "new year's": (1, 1), "new year's day": (1, 1),
    "new years day": (1, 1),
    "new year's eve": (12, 31), "new years eve": (12, 31), "valentine's day": (2, 14), "valentines day": (2, 14),
    "halloween": (10, 31),
}  # fmt: skip
_DAYS = {
    "today": 0, "now": 0, "tonight": 0, "right now": 0, "immediately": 0, "tomorrow": 1, "tmrw": 1, "tmr": 1,
    "day after tomorrow": 2, "overmorrow": 2, "yesterday": -1, "day before yesterday": -2,
}  # fmt: skip


def read_day(text: str, today: date) -> date | None:
    """The one day that `text` names for somebody who speaks on `today`, else None.

    Conventions, weeks starting on Monday:
    - a day without a year lies in the future, `today` included; an explicit year, "last" or "ago" may lie in the past;
    - "Saturday", "this Saturday", "upcoming Saturday": the first one from `today` on;
    - "next Friday", "Friday week": the Friday of the week after the present one, whatever day is today;
    - "upcoming weekend", "this weekend": its Saturday, the first from `today` on; on a Sunday "this weekend" is today;
    - "next weekend": the Saturday of the week after the present one;
    - "the 5th": the first 5th of a month from `today` on;
    - "24/12" is day/month; month/day only where day/month is no day.
    A weekday that contradicts the date makes it None.
    """
    words = _trimmed(" ".join(figures(text.casefold().replace("’", "'")).split()))
    if words in _DAYS:
        return today + timedelta(days=_DAYS[words])
    if words in _FEASTS:
        return _coming(*_FEASTS[words], today)
    if match := _WEEKEND.fullmatch(words):
        return _weekend(match, today)
    if match := _NAMED.fullmatch(words):
        return _weekday(match, today)
    if match := _OF_MONTH.fullmatch(words):
        return _agreeing(_of_month(match, today), match["weekday"])
    if match := _ISO.fullmatch(words):
        return _real(int(match["year"]), int(match["month"]), int(match["day"]))
    if match := _NUMERIC.fullmatch(words):
        return _numeric(match, today)
    if match := _DISTANCE.fullmatch(words):
        return None if "couple" in text.casefold() else _parsed(re.sub(r"\b(?:a|1) fortnight", "2 weeks", words), today)
    if match := _WRITTEN.fullmatch(words):
        day = _parsed(words[match.start("written") :], today)
        if day and match["year"] is None:
            day = _coming(day.month, day.day, today)
        return _agreeing(day, match["weekday"])
    return None


def _trimmed(words: str) -> str:
    while (match := _BEFORE.match(words)) and match.end():
        words = words[match.end() :]
    while match := _AFTER.search(words):
        if match.start() == 0:
            break
        words = words[: match.start()]
    return words


def _weekend(match: re.Match[str], today: date) -> date:
    monday = today - timedelta(days=today.weekday())
    if match["which"] in ("next", "following"):
        return monday + timedelta(days=12)
    if today.weekday() == 6 and match["which"] in ("this", "the", None):
        return today
    return today + timedelta(days=(5 - today.weekday()) % 7)


def _weekday(match: re.Match[str], today: date) -> date | None:
    which, later, name = match["which"], match["later"], match["weekday"] or match["other"]
    weekday = _WEEKDAYS.index(name[:3])
    if which == "last":
        return None if later else today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
    if later or match["other"] or which in ("next", "following"):
        return today + timedelta(days=7 - today.weekday() + weekday)
    return today + timedelta(days=(weekday - today.weekday()) % 7)


def _of_month(match: re.Match[str], today: date) -> date | None:
    year, month, number = today.year, today.month, int(match["day"])
    months = [(year + (month - 1 + i) // 12, (month - 1 + i) % 12 + 1) for i in range(13)]
    if match["which"] == "next":
        return _real(*months[1], number)
    if match["which"]:
        months = months[:1]
    days = (_real(*year_month, number) for year_month in months)
    return next((day for day in days if day and day >= today), None)


def _agreeing(day: date | None, weekday: str | None) -> date | None:
    return day if day and (not weekday or _WEEKDAYS[day.weekday()] == weekday[:3]) else None


def _numeric(match: re.Match[str], today: date) -> date | None:
    a, b = int(match["a"]), int(match["b"] or match["c"])
    if not match["year"]:
        return _coming(b, a, today) or _coming(a, b, today)
    year = int(match["year"]) if len(match["year"]) == 4 else 2000 + int(match["year"])
    return _real(year, b, a) or _real(year, a, b)


def _coming(month: int, day: int, today: date) -> date | None:
    days = (_real(year, month, day) for year in range(today.year, today.year + 9))  # 8 years hold a 29 February
    return next((real for real in days if real and real >= today), None)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _parsed(words: str, today: date) -> date | None:
    import dateparser  # takes 0.2 s to import, which a class definition should not cost

    settings = {
        "RELATIVE_BASE": datetime.combine(today, time(12)),
        "DATE_ORDER": "DMY",
        "REQUIRE_PARTS": ["day", "month"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own use of strptime, not a fault of the text
        found = dateparser.parse(words, languages=["en"], settings=settings)
    return found.date() if found else None
