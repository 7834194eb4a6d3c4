"""Calendar: regular expressions for the days, times, moments and durations between two of them.

Knows ISO 8601, the lengths of months and leap years. The expressions use the syntax that Python's re and llguidance
share. Whole seconds only.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable
from datetime import date

from models.grammar.fragments.digits import integers, padded

DAY = 86_400
"""Seconds of a day."""
OFFSET = "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]"
"""Every offset from UTC that Pydantic reads, except Z."""

_MOST_OF_ONE_UNIT = 9_999 * DAY + DAY - 1  # Pydantic reads no more than 2**32 - 1 of one unit smaller than a day


def days(low: date, high: date) -> str:
    """The days from `low` to `high`, YYYY-MM-DD, years from 1000 on; 29 February in leap years only."""
    if low.year < high.year:
        first, last = low.year, high.year
        found, end = [], []
        if low > date(first, 1, 1):
            found, first = [days(low, date(first, 12, 31))], first + 1
        if high < date(last, 12, 31):
            end, last = [days(date(last, 1, 1), high)], last - 1
        if first <= last:
            found.append(f"(?:{padded(first, last, 4)})-(?:{_months(1, 12, 28)})")
            found += [f"(?:{leap})-02-29" for leap in [_leap_years(first, last)] if leap]
        return "|".join([*found, *end])
    february = 28 + isleap(low.year)
    if low.month == high.month:
        return f"{low:%Y-%m}-(?:{padded(low.day, high.day, 2)})"
    parts = [f"{low:%m}-(?:{padded(low.day, _length(low.month, february), 2)})"]
    parts += [_months(low.month + 1, high.month - 1, february)] if high.month > low.month + 1 else []
    parts += [f"{high:%m}-(?:{padded(1, high.day, 2)})"]
    return f"{low:%Y}-(?:{'|'.join(parts)})"


def _length(month: int, february: int) -> int:
    """Days of a month."""
    return february if month == 2 else 30 + (month + month // 8) % 2


def _months(first: int, last: int, february: int) -> str:
    """All days of some months of one year."""
    found = []
    for length in (31, 30, february):
        months = [f"{month:02d}" for month in range(first, last + 1) if _length(month, february) == length]
        if months:
            found.append(f"(?:{'|'.join(months)})-(?:{padded(1, length, 2)})")
    return "|".join(found)


def _leap_years(first: int, last: int) -> str:
    """The leap years, those of equal centuries and of equal decades together."""
    centuries: dict[int, list[int]] = {}
    for year in filter(isleap, range(first, last + 1)):
        centuries.setdefault(year // 100, []).append(year % 100)
    alike: dict[str, list[str]] = {}
    for century, years in centuries.items():
        decades: dict[str, str] = {}
        for decade in dict.fromkeys(year // 10 for year in years):
            units = "".join(str(year % 10) for year in years if year // 10 == decade)
            decades[units] = decades.get(units, "") + str(decade)
        within = "|".join(f"[{tens}][{units}]" for units, tens in decades.items())
        alike.setdefault(within, []).append(f"{century:02d}")
    return "|".join(f"(?:{'|'.join(found)})(?:{within})" for within, found in alike.items())


def times(low: int, high: int, unit: int = 3600) -> str:
    """HH:MM:SS from `low` to `high` seconds after midnight; with a smaller `unit`, MM:SS or SS."""
    if unit == 1:
        return padded(low, high, 2)
    return _split(
        low, high, unit, lambda a, b: f"(?:{padded(a, b, 2)}):", lambda a, b: f"(?:{times(a, b, unit // 60)})"
    )


def moments(low: int, high: int) -> str:
    """YYYY-MM-DDTHH:MM:SS from `low` to `high` seconds after midnight of the day before 0001-01-01."""
    return _split(
        low,
        high,
        DAY,
        lambda a, b: f"(?:{days(date.fromordinal(a), date.fromordinal(b))})T",
        lambda a, b: f"(?:{times(a, b)})",
    )


def durations(low: int, high: int) -> str:
    """The durations from `low` to `high` seconds: a number of one unit (P2W, PT90M), or days, hours, minutes and
    seconds in this order, none of them zero (P1DT12H)."""
    found = []
    if low < 0:
        found.append(f"-(?:{durations(max(1, -high), -low)})")
    low = max(low, 0)
    if low > high:
        return "|".join(found)
    for form, unit in (("P{}W", 7 * DAY), ("P{}D", DAY), ("PT{}H", 3600), ("PT{}M", 60), ("PT{}S", 1)):
        most = high if unit >= DAY else min(high, _MOST_OF_ONE_UNIT)
        if -(-low // unit) <= most // unit:
            found.append(form.format(f"(?:{integers(-(-low // unit), most // unit)})"))
    if high > 0:
        found.append("P" + _group(_split(max(low, 1), high, DAY, _counted("D"), _clock)))
    return "|".join(found)


def _clock(low: int, high: int) -> str:
    """The part of a duration that is less than a day."""
    if high == 0:
        return ""
    hours = "T" + _group(_parts(max(low, 1), high, "HMS"))
    return hours if low else f"(?:{hours})?"


def _parts(low: int, high: int, units: str) -> str:
    if not units or high == 0:
        return ""
    return _group(_split(low, high, 60 ** (len(units) - 1), _counted(units[0]), lambda a, b: _parts(a, b, units[1:])))


def _counted(unit: str) -> Callable[[int, int], str]:
    """A number from `low` to `high` with its unit; nothing for zero."""

    def counted(low: int, high: int) -> str:
        if high == 0:
            return ""
        return f"(?:(?:{integers(max(low, 1), high)}){unit}){'' if low else '?'}"

    return counted


def _split(low: int, high: int, unit: int, head: Callable[[int, int], str], tail: Callable[[int, int], str]) -> str:
    """The numbers from `low` to `high`, each written as its quotient by `unit` (`head`) and the remainder (`tail`)."""
    first, last = low // unit, high // unit
    if first == last:
        return head(first, first) + tail(low % unit, high % unit)
    found, end = [], []
    if low % unit:
        found, first = [head(first, first) + tail(low % unit, unit - 1)], first + 1
    if (high + 1) % unit:
        end, last = [head(last, last) + tail(0, high % unit)], last - 1
    if first <= last:
        found.append(head(first, last) + tail(0, unit - 1))
    return "|".join([*found, *end])


def _group(expression: str) -> str:
    return f"(?:{expression})"
