"""Number: integers, floats and decimals as fragments. Knows digits and bounds, and how Pydantic checks multiples."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, inf, lcm
from typing import Any

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder, ordered
from models.grammar.fragments.digits import ENDINGS, decimals, integers, multiples
from models.grammar.fragments.fragment import Fragment, literal

_MOST = 10**12 - 1  # integers without bounds have at most twelve digits
_FLOAT = Decimal("999999999.999999")
_TOLERANT = 4 * 10**6
"""Pydantic forgives a float 1e-9 beside a multiple; beyond this, two roundings of 2**-53 each may cost more."""
_REMAINDERS = 1000  # llguidance follows that many within its limits; above, it gives up in the middle of a number


def integer(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """At most twelve digits unless its bounds say otherwise."""
    low, high = _bounds(limits, Decimal(-_MOST), Decimal(_MOST), 0, where)
    ordered(int(low), int(high), where)
    step = limits.pop("multiple_of", None)
    if step is not None:
        return _multiple("INT", low, high, Decimal(step), 0, 0, "", builder, where)
    return _number("INT", integers(int(low), int(high)), low, high, 0, "", "", builder, where)


def natural(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """An integer from 0 on."""
    if not {"ge", "gt"} & limits.keys():
        limits["ge"] = 0
    return integer(limits, where, builder)


def float_(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Plain digits, at most six after the point and fifteen in all, so that no two of them are the same float."""
    limits.pop("allow_inf_nan", None)
    given = limits.pop("multiple_of", None)
    step = None if given is None else Decimal(str(given))
    exact = step is None or Fraction(step) == Fraction(given)  # 0.25 is, 0.1 is not
    most = _FLOAT if exact else Decimal(_TOLERANT)
    low, high = _bounds(limits, -most, most, 6, where)
    whole = len(str(int(max(abs(low), abs(high)))))
    if whole > 15:
        raise ContractError(f"{where} may be too large for exact digits.", "Bound it below 1e15 with ge and le.")
    places = min(6, 15 - whole)
    if step is None:
        return _number("FLOAT", decimals(low, high, places), low, high, places, "", "", builder, where)
    if not exact and max(-low, high) > most:
        raise ContractError(
            f"{where} may be too large for Pydantic to see that it is a multiple of {step}.",
            f"Bound it within {_TOLERANT} with ge and le, or make it a Decimal.",
        )
    return _multiple("FLOAT", low, high, step, places, 0, "", builder, where)


def decimal(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A string of plain digits, as many as max_digits and decimal_places allow; else twelve and six."""
    limits.pop("allow_inf_nan", None)
    digits, places = limits.pop("max_digits", None), limits.pop("decimal_places", None)
    given = limits.pop("multiple_of", None)
    bounded = ("ge" in limits or "gt" in limits) and ("le" in limits or "lt" in limits)
    if places is None:  # as many as a float has, where nothing says so
        places = 6 if digits is None else min(6, digits)
    if digits is None and not bounded:
        digits = 12 + places
    if digits is not None and not places <= digits <= 28:
        raise ContractError(
            f"{where} has max_digits={digits} beside decimal_places={places}.", "Choose between that and 28."
        )
    edge = Decimal(10) ** ((28 if digits is None else digits) - places) - Decimal(1).scaleb(-places)
    low, high = _bounds(limits, -edge, edge, places, where)
    low, high = max(low, -edge), min(high, edge)
    # Pydantic counts the 0 before the point as a digit only where nothing follows it.
    least = 1 if digits is not None and digits == places and places else 0
    if given is None:
        return _number("DECIMAL", decimals(low, high, places, least), low, high, places, '"', "", builder, where)
    step = Decimal(str(given))
    countable = step * 10**27  # Pydantic's remainder needs the quotient in 28 digits
    return _multiple("DECIMAL", max(low, -countable), min(high, countable), step, places, least, '"', builder, where)


def _bounds(limits: dict[str, Any], low: Decimal, high: Decimal, places: int, where: str) -> tuple[Decimal, Decimal]:
    """The closed range of numbers with `places` digits after the point that `limits` leave of [low, high]."""
    least = {name: _plain(limits.pop(name), where) for name in ("ge", "gt") if name in limits}
    most = {name: _plain(limits.pop(name), where) for name in ("le", "lt") if name in limits}
    unit = 10**places
    lows = [ceil(least["ge"] * unit)] if "ge" in least else []
    lows += [floor(least["gt"] * unit) + 1] if "gt" in least else []
    highs = [floor(most["le"] * unit)] if "le" in most else []
    highs += [ceil(most["lt"] * unit) - 1] if "lt" in most else []
    return (
        _scaled(max(lows), places) if lows else low,
        _scaled(min(highs), places) if highs else high,
    )


def _plain(bound: Any, where: str) -> Fraction:
    value = Decimal(str(bound))  # a float means its shortest digits, to Pydantic and to people
    if not value.is_finite():
        raise ContractError(f"{where} has a bound that is no finite number.", "Give finite ge and le.")
    return Fraction(value)


def _scaled(number: int, places: int) -> Decimal:
    return Decimal(f"{number}e-{places}")  # exact, whatever the precision of the present context


def _multiple(
    name: str,
    low: Decimal,
    high: Decimal,
    step: Decimal,
    places: int,
    least: int,
    quote: str,
    builder: GrammarBuilder,
    where: str,
) -> Fragment:
    """Multiples that are few or end in a few ways (of 5, 0.25, 1000) are a regular expression. The others are left to
    llguidance, whose lexer counts remainders: it compiles in 1 ms, an automaton of ours (a Lark terminal for each
    remainder and count of digits) took 3 ms and its masks twice as long."""
    step = _common(step, places)
    digits = multiples(low, high, step, places, least)
    if digits is not None:
        return _number(name, digits, low, high, places, quote, f"multiples of {step}", builder, where)
    whole = Fraction(step).denominator == 1
    top = max(-low, high)
    if _coefficient(step) > _REMAINDERS or least or top > (2**53 if whole else 10 ** (15 - places)):
        raise ContractError(
            f"{where} has too many different multiples of {step} for a grammar.",
            f"Bound it with ge and le so that fewer than {ENDINGS} are left, or check it in a guardrail.",
        )
    parts = []
    for sign, first, last in (("", max(low, Decimal(0)), high), ("-", max(step, -high), -low)):
        bottom, end = ceil(Fraction(first) / Fraction(step)), floor(Fraction(last) / Fraction(step))
        if bottom <= end:  # llguidance takes no negative number for a multiple, hence the sign before it
            kind: type[int] | type[float] = int if whole else float
            schema = {
                "type": "integer" if whole else "number",
                "minimum": kind(bottom * step),
                "maximum": kind(end * step),
                "multipleOf": kind(step),
                "x-guidance": {"whitespace_flexible": False},
            }
            texts = [literal(quote + sign), f"%json {json.dumps(schema)}", literal(quote)]
            parts.append(" ".join(text for text in texts if text != '""'))
    longest = _longest(low, high, places, quote)
    return builder.rule(name, Fragment(" | ".join(parts), longest, f"{low:f} to {high:f}, multiples of {step}"))


def _common(step: Decimal, places: int) -> Decimal:
    """The least multiple of `step` that has at most `places` digits after the point: of 0.15 with none of them, 3."""
    exact, unit = Fraction(step), Fraction(1, 10**places)
    numerator = lcm(exact.numerator * unit.denominator, unit.numerator * exact.denominator)
    least = Fraction(numerator, exact.denominator * unit.denominator)
    return _scaled(int(least * 10**places), places).normalize()


def _coefficient(step: Decimal) -> float:
    """`step` without its point as llguidance finds it, infinite where that is another number: 0.07 * 10 is no 0.7."""
    value, exact = float(step), Fraction(step)
    while not value.is_integer() and value < _REMAINDERS:
        value, exact = value * 10, exact * 10
    return value if exact == Fraction(value) else inf


def _number(
    name: str,
    digits: str,
    low: Decimal,
    high: Decimal,
    places: int,
    quote: str,
    what: str,
    builder: GrammarBuilder,
    where: str,
) -> Fragment:
    if not digits:
        raise ContractError(f"{where} has no number between its bounds.", "Widen ge and le.")
    bound = f"{low:f} to {high:f}" + (f", {what}" if what else "")
    return Fragment(builder.terminal(name, f"/{quote}(?:{digits}){quote}/"), _longest(low, high, places, quote), bound)


def _longest(low: Decimal, high: Decimal, places: int, quote: str) -> int:
    """Bytes of the longest number between `low` and `high`."""
    texts = (_sized(bound, places) for bound in (low, high, Decimal(0)) if low <= bound <= high)
    return max(texts) + 2 * len(quote)


def _sized(bound: Decimal, places: int) -> int:
    return len(str(int(abs(bound)))) + (bound < 0) + (places + 1 if places else 0)
