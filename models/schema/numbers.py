"""Numbers: what a clause says about numbers, as a fragment. Knows ranges, multiples and left-out values."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction as Ratio
from functools import cache
from math import ceil, floor, lcm

from llguidance import LLMatcher

from models.errors import ContractError
from models.grammar.fragments import number
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.digits import decimals, integers, multiples
from models.grammar.fragments.fragment import Fragment, either
from models.grammar.matchers import BYTES
from models.schema.clause import Clause
from models.schema.notes import Notes
from models.schema.refusal import Unsatisfiable
from models.schema.span import INFINITE, Span, span_of

_DIGITS = 15
"""Digits that every reader of JSON numbers keeps."""

_TIERS = ((Decimal(10**3 - 1), 12), (Decimal(10**9 - 1), 6), (Decimal(10**15 - 1), 0))
"""Up to which number how many places are written, fifteen digits in all."""
_FRACTION = r"(?:[.][0-9]{1,17})?"
_EXPONENT = r"[eE][+-]?0?(?:[0-9]|[1-9][0-9]|[12][0-8][0-9])"
"""Up to 289: with fifteen digits before it, a number stays below what a reader takes for infinity."""
_ANY = rf"(?:0|[1-9][0-9]{{0,14}}){_FRACTION}(?:{_EXPONENT})?"

_POWER = "(?:[0-2]?[0-9]{1,2}|30[0-7])"
"""Behind one digit: more would be infinity, or nothing at all."""
ANY = (
    rf"-?(?:[0-9]{_FRACTION}(?:[eE][+-]?{_POWER})?"
    rf"|[1-9][0-9]{{1,14}}{_FRACTION}(?:[eE][+-]?(?:[01]?[0-9]{{1,2}}|2[0-8][0-9]))?)"
)
"""The same with every exponent that fits. A contract's hash is that of its grammar with ends, which has the other."""
_LARGE = rf"[1-9]{_FRACTION}[eE][+]?{_POWER}"
_SMALL = rf"[1-9]{_FRACTION}[eE]-(?:0{{0,2}}[1-9]|0?[1-9][0-9]|[12][0-9]{{2}}|30[0-7])"
"""Numbers of 1 and more, and between 0 and 1, with an exponent."""


def write(clause: Clause, types: frozenset[str], digits: int, notes: Notes, builder: GrammarBuilder) -> Fragment:
    """A number for which `clause` holds. `types`: "integer", "fraction" or both; `digits`: of an integer that has no
    end."""
    broken = "integer" not in types
    whole = "fraction" not in types
    steps = [Ratio(str(abs(value))) for value, _ in clause.said("multipleOf")]
    found = []
    for span in _spans(clause):
        some = _multiples(clause, span, steps, whole, digits, notes, builder) if steps else None
        some = some or (_integer(span, digits) if whole else _number(span, builder.open))
        if some is not None:
            body, longest, bound = some
            if broken and not longest:
                notes.loosen(clause.where("not", "type"), "asks for a multiple that is no integer")
            elif broken:
                lark = f"/{body}/ & /-?[0-9]+[.][0-9]*[1-9][0-9]*/"
                found += [Fragment(builder.terminal("FRACTION", lark), longest, bound)] if possible(lark) else []
                continue
            found.append(Fragment(builder.terminal("INT" if whole else "NUMBER", f"/{body}/"), longest, bound)
                         if longest else Fragment(body, 40, bound))  # fmt: skip
    if not found:
        raise Unsatisfiable(
            clause.where("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
            "leaves no number between its bounds.", "Widen minimum and maximum.",
        )  # fmt: skip
    return either(found)


Written = tuple[str, int, str]
"""An expression, the bytes of its longest text, and what it admits for people. Without a longest: a rule of its own."""


def _integer(span: Span, digits: int) -> Written | None:
    low, high = _ends(span.least_integer, span.greatest_integer, 10**digits - 1)
    return (integers(low, high), max(len(str(low)), len(str(high))), f"{low} to {high}") if low <= high else None


def _number(span: Span, open: bool) -> Written | None:
    if span.high == INFINITE and (span.low == -INFINITE or (span.low == 0 and not span.low_open)):
        body = ANY if open else f"-?{_ANY}"
        signed = span.low < 0
        return body if signed else body.removeprefix("-?"), 41, "any number" if signed else "0 or more"
    found = _powers(span) if open else []
    for most, places in _TIERS:
        unit = 10**places
        least = ceil(Ratio(max(span.low, -most)) * unit)
        last = floor(Ratio(min(span.high, most)) * unit)
        least += span.low_open and Ratio(least, unit) == Ratio(span.low)
        last -= span.high_open and Ratio(last, unit) == Ratio(span.high)
        if least <= last:
            found.append(decimals(Decimal(f"{least}e-{places}"), Decimal(f"{last}e-{places}"), places))
        if all(0 < abs(end) <= most for end in (span.low, span.high)):
            break
    if found:
        return "|".join(found), 26 if open else 18, str(span)
    if span.high == INFINITE or abs(span.low) > _TIERS[-1][0]:
        beyond = _ends(span.least_integer, span.greatest_integer, 10**_DIGITS - 1)
        if beyond[0] <= beyond[1]:
            return integers(*beyond), max(len(str(end)) for end in beyond), str(span)
    ends = [
        json.dumps(float(end))
        for end, left_out in ((span.low, span.low_open), (span.high, span.high_open))
        if end.is_finite() and not left_out
    ]  # nothing with so few digits lies between, but an end itself may belong
    return ("|".join(ends).replace(".", "[.]").replace("+", "[+]"), 30, "|".join(ends)) if ends else None


def _powers(span: Span) -> list[str]:
    """What has an exponent, of each kind that is in the span as a whole."""
    found = []
    for sign, side in (("", span), ("-", span.mirrored)):
        if side.holds(1) and side.low <= 0:
            found.append(sign + _SMALL)
        if side.holds(1) and side.high == INFINITE:
            found.append(sign + _LARGE)
    return found


def _spans(clause: Clause) -> list[Span]:
    spans = [span_of(clause)]
    for value in clause.excluded:
        if isinstance(value, int | float) and not isinstance(value, bool):
            spans = [side for span in spans for side in span.without(Decimal(str(value)))]
    return [span for span in spans if not span.empty]


def _ends(low: int | None, high: int | None, most: int) -> tuple[int, int]:
    """Both ends; a missing one is `most` away from zero, or from the other where that is beyond."""
    if low is None:
        low = -most if high is None or high >= -most else high - most
    if high is None:
        high = most if low <= most else low + most
    return low, high


def _multiples(
    clause: Clause, span: Span, steps: list[Ratio], whole: bool, digits: int, notes: Notes, builder: GrammarBuilder
) -> Written | None:
    """Multiples of all `steps` in the span; None, and a note, where there are too many ways in which they end."""
    unit = Ratio(1) if whole else steps[0]
    for other in steps:
        unit = Ratio(lcm(unit.numerator * other.denominator, other.numerator * unit.denominator),
                     unit.denominator * other.denominator)  # fmt: skip
    step = Decimal(unit.numerator) / Decimal(unit.denominator)
    places = max(0, -int(step.normalize().as_tuple().exponent))
    most = 10 ** max(1, min(digits, _DIGITS - places)) - 1
    low, high = max(span.low, -most), min(span.high, most)
    limits = {"gt" if span.low_open else "ge": low, "lt" if span.high_open else "le": high, "multiple_of": step}
    try:
        kind = number.integer if unit.denominator == 1 else number.float_
        made = kind(limits, clause.path, builder)
    except ContractError:
        made = None
    if made is None and places <= _DIGITS and Ratio(step) == unit:
        first, last = ceil(Ratio(low) / unit), floor(Ratio(high) / unit)
        first += span.low_open and first * unit == Ratio(low)
        last -= span.high_open and last * unit == Ratio(high)
        body = multiples(first * step, last * step, step, places) if first <= last else ""
        if body:
            return body, len(str(int(most))) + places + 2, f"{low} to {high}, multiples of {step}"
        if body == "":
            raise Unsatisfiable(
                clause.where("multipleOf"), "leaves no number between the bounds.", "Widen minimum and maximum."
            )
    if made is not None:
        return made.rule, 0, made.bound
    notes.loosen(clause.where("multipleOf"), "has multiples that end in too many ways")
    return None


@cache
def possible(body: str) -> bool:
    """Whether a terminal with this body matches anything."""
    matcher = LLMatcher(BYTES, f"start: T\nT: {body}", log_level=0)
    return not matcher.is_error() and any(matcher.compute_bitmask()[:32])
