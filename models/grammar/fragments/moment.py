"""Moment: dates, times, datetimes and durations as fragments. Knows their forms, bounds and time zones; no notation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.calendar import DAY, OFFSET, days, durations, moments, times
from models.grammar.fragments.fragment import Fragment

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
"""The days of a date or datetime that does not say between which days it lies."""
LONGEST = timedelta(days=9_999, seconds=DAY - 1)
"""The longest timedelta where none is given; the shortest is 0."""

_SECOND = 10**6  # bounds are compared in microseconds
_WIDEST = date(1000, 1, 1), date.max  # years of four digits
_LIMITS = ("ge", "gt", "le", "lt")


def day(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A date, YYYY-MM-DD, that exists."""
    for bound in _given(limits):
        if not isinstance(bound, date) or isinstance(bound, datetime):
            raise _foreign(bound, "date", where)
    low, high = _between(limits, FIRST.toordinal(), LAST.toordinal(), 1, date.toordinal, where)
    first, last = max(low, _WIDEST[0].toordinal()), min(high, _WIDEST[1].toordinal())
    _some(first, last, where)
    least, most = date.fromordinal(first), date.fromordinal(last)
    return _text("DAY", days(least, most), 10, f"{least} … {most}", builder)


def clock(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A time, HH:MM:SS; in UTC, HH:MM:SSZ, where its bounds have a time zone."""
    zone = _zone(limits, time, "", where)

    def count(bound: time) -> int:
        seconds = (bound.hour * 60 + bound.minute) * 60 + bound.second
        return seconds * _SECOND + bound.microsecond - _microseconds(bound.utcoffset())

    low, high = _between(limits, 0, DAY - 1, _SECOND, count, where)
    first, last = max(low, 0), min(high, DAY - 1)
    _some(first, last, where)
    least, most = (str(timedelta(seconds=seconds)).zfill(8) for seconds in (first, last))
    return _text("TIME", f"(?:{times(first, last)}){zone}", 8 + len(zone), f"{least} … {most}{zone}", builder)


def moment(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A datetime, YYYY-MM-DDTHH:MM:SS, with an offset or without one."""
    return _moment(limits, where, builder, f"(?:Z|{OFFSET})?")


def aware_moment(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A datetime with its offset from UTC; in UTC where it has bounds."""
    return _moment(limits, where, builder, f"(?:Z|{OFFSET})")


def naive_moment(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A datetime without an offset."""
    return _moment(limits, where, builder, "")


def duration(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A timedelta in whole seconds as ISO 8601 writes it, without years and months; negative where its bounds are."""
    for bound in _given(limits):
        if not isinstance(bound, timedelta):
            raise _foreign(bound, "timedelta", where)
    low, high = _between(limits, 0, LONGEST // timedelta(seconds=1), _SECOND, _microseconds, where)
    _some(low, high, where)
    # A number of seconds alone is never longer than days, hours, minutes and seconds.
    whole_days = max(abs(low), abs(high)) // DAY
    longest = len(f"P{whole_days}DT23H59M59S" if whole_days else "PT23H59M59S") + (low < 0)
    least, most = timedelta(seconds=low), timedelta(seconds=high)
    return _text("DURATION", durations(low, high), longest, f"{least} … {most}", builder)


def _moment(limits: dict[str, Any], where: str, builder: GrammarBuilder, zone: str) -> Fragment:
    bounded = bool(_given(limits))
    zone = _zone(limits, datetime, zone, where)

    def count(bound: datetime) -> int:
        seconds = ((bound.toordinal() * 24 + bound.hour) * 60 + bound.minute) * 60 + bound.second
        return seconds * _SECOND + bound.microsecond - _microseconds(bound.utcoffset())

    low, high = _between(limits, *_seconds(FIRST, LAST), _SECOND, count, where)
    least, most = _seconds(*_WIDEST)
    first, last = max(low, least), min(high, most)
    _some(first, last, where)
    shown = " … ".join(str(datetime.min + timedelta(seconds=seconds - DAY)) for seconds in (first, last))
    text = f"(?:{moments(first, last)}){zone}"
    return _text("MOMENT", text, 19 + (len(zone) if bounded else 6 * bool(zone)), shown, builder)


def _seconds(first: date, last: date) -> tuple[int, int]:
    return first.toordinal() * DAY, last.toordinal() * DAY + DAY - 1


def _zone(limits: dict[str, Any], kind: type[time] | type[datetime], zone: str, where: str) -> str:
    """What follows the time. Values with bounds are written in the bounds' way: in UTC, or without any zone.

    Pydantic compares a value that has a zone with a bound that has none as if both had none, and the other way round.
    """
    given = _given(limits)
    for bound in given:
        if not isinstance(bound, kind):
            raise _foreign(bound, kind.__name__, where)
    aware = {bound.utcoffset() is not None for bound in given}
    if len(aware) == 2:
        raise ContractError(f"{where} has a bound with a time zone and one without.", "Give both, or neither, one.")
    if aware == {False} and zone and not zone.endswith("?"):
        raise ContractError(f"{where} has a time zone, but its bounds have none.", "Give the bounds tzinfo=UTC.")
    if aware == {True} and kind is datetime and not zone:
        raise ContractError(f"{where} has no time zone, but its bounds have one.", "Give bounds without tzinfo.")
    return {frozenset(): zone, frozenset([True]): "Z", frozenset([False]): ""}[frozenset(aware)]


def _given(limits: dict[str, Any]) -> list[Any]:
    return [limits[name] for name in _LIMITS if name in limits]


def _between(
    limits: dict[str, Any], low: int, high: int, step: int, count: Callable[[Any], int], where: str
) -> tuple[int, int]:
    """The first and last multiple of `step` that `limits` admit, in steps; `low` or `high` where they say nothing."""
    found = {name: count(limits.pop(name)) for name in _LIMITS if name in limits}
    lows = [-(-found["ge"] // step)] if "ge" in found else []
    lows += [found["gt"] // step + 1] if "gt" in found else []
    highs = [found["le"] // step] if "le" in found else []
    highs += [-(-found["lt"] // step) - 1] if "lt" in found else []
    return max(lows, default=low), min(highs, default=high)


def _microseconds(span: timedelta | None) -> int:
    return 0 if span is None else span // timedelta(microseconds=1)


def _some(low: int, high: int, where: str) -> None:
    if low > high:
        raise ContractError(f"{where} has no value between its bounds.", "Give both ends, the smaller one first.")


def _foreign(bound: object, kind: str, where: str) -> ContractError:
    return ContractError(f"{where} is bounded by {bound!r}, which is no {kind}.", f"Give the bound as a {kind}.")


def _text(name: str, digits: str, longest: int, bound: str, builder: GrammarBuilder) -> Fragment:
    return Fragment(builder.terminal(name, f'/"(?:{digits})"/'), longest + 2, bound)
