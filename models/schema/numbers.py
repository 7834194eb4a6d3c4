"""Numbers: what a clause says about numbers, as a fragment. Knows ranges, multiples and left-out values."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any

from jsonschema import Draft202012Validator

from models.errors import ContractError
from models.grammar.fragments import number
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment, either
from models.schema.bounds import Bounds
from models.schema.clause import Clause
from models.schema.refusal import SchemaRefused, Unsatisfiable
from models.schema.span import Span, span_of
from models.schema.strings import possible

_EASY = 1000
"""Multiples of this and less are told apart by their remainders."""

_EXACT = Decimal(10) ** 14
"""A JSON number has 15 digits that every reader keeps; one of them is behind the point."""


def integer(clause: Clause, bounds: Bounds, builder: GrammarBuilder) -> Fragment:
    """An integer without point or exponent."""
    steps = [value for value, _ in clause.said("multipleOf")]
    unit = lcm(*(step for step in steps if isinstance(step, int)))
    if not all(isinstance(step, int) for step in steps) or unit > _EASY:
        return _multiples(clause, bounds, builder, whole=True)
    fragments = []
    for span in _spans(clause):
        low, high = _ends(span.least_integer, span.greatest_integer, 10**bounds.digits - 1)
        low, high = -(-low // unit) * unit, high // unit * unit
        if low <= high:
            limits = {"ge": low, "le": high, **({"multiple_of": unit} if unit > 1 else {})}
            fragments.append(number.integer(limits, clause.path, builder))
    return _some(fragments, clause)


def any_number(clause: Clause, bounds: Bounds, builder: GrammarBuilder) -> Fragment:
    """An integer, or a number with at most six digits behind the point."""
    if any(True for _ in clause.said("multipleOf")):
        return _multiples(clause, bounds, builder, whole=False)
    fragments = []
    for span in _spans(clause):
        most = Decimal(10) ** min(bounds.digits, 9)
        low = span.low if span.low is not None else min(-most, (span.high or Decimal(0)) - most)
        high = span.high if span.high is not None else max(most, low + most)
        if max(abs(low), abs(high)) > _EXACT:
            raise SchemaRefused(
                clause.where("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
                "reaches beyond the digits that a JSON number keeps exactly.",
                "Stay below 1e14, or make it an integer.",
            )  # fmt: skip
        limits = {"gt" if span.low_open else "ge": low, "lt" if span.high_open else "le": high}
        with suppress(ContractError):  # nothing with six digits behind the point lies between
            fragments.append(number.float_(dict(limits), clause.path, builder))
    return _some(fragments, clause)


def fraction(clause: Clause, bounds: Bounds, builder: GrammarBuilder) -> Fragment:
    """A number that is no integer: one of its digits behind the point is not zero."""
    aside = GrammarBuilder()
    whole = any_number(clause, bounds, aside)
    numbers_ = " | ".join(f"({body})" for body in aside.terminals.values())
    body = rf"({numbers_}) & /-?[0-9]+[.][0-9]*[1-9][0-9]*/"
    if aside.rules or not possible(body):
        raise SchemaRefused(
            clause.where("not", "type"),
            "asks for a number that is no integer, beside other keywords about numbers.",
            "Admit all numbers, or remove multipleOf.",
        )
    return Fragment(builder.terminal("FRACTION", body), whole.longest, whole.bound)


def _some(fragments: list[Fragment], clause: Clause) -> Fragment:
    if not fragments:
        raise Unsatisfiable(
            clause.where("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
            "leaves no number between its bounds.", "Widen minimum and maximum.",
        )  # fmt: skip
    return either(fragments)


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


def _multiples(clause: Clause, bounds: Bounds, builder: GrammarBuilder, whole: bool) -> Fragment:
    """The multiples nearest to zero, as many as the bounds allow, that the jsonschema package takes for such."""
    steps = [Fraction(str(value)) for value, _ in clause.said("multipleOf")] + ([Fraction(1)] if whole else [])
    unit = steps[0]
    for other in steps[1:]:
        unit = Fraction(lcm(unit.numerator * other.denominator, other.numerator * unit.denominator),
                        unit.denominator * other.denominator)  # fmt: skip
    check = Draft202012Validator({"allOf": [layer.keywords for _, layer in clause.said("multipleOf")]})
    texts: list[str] = []
    for span in _spans(clause):
        for factor in _nearest(span, unit, bounds.multiples):
            text = _written(unit * factor)
            if text is not None and check.is_valid(json.loads(text)):
                texts.append(text)
    texts = sorted(texts, key=lambda text: (abs(Decimal(text)), text))[: bounds.multiples]
    if not texts:
        raise Unsatisfiable(
            clause.where("multipleOf"), "leaves no number between the bounds.", "Widen minimum and maximum."
        )
    return builder.one_of("MULTIPLE", texts, f"multiples of {unit}")


def _nearest(span: Span, unit: Fraction, most: int) -> range:
    low = None if span.low is None else ceil(Fraction(span.low) / unit)
    high = None if span.high is None else floor(Fraction(span.high) / unit)
    if low is not None and low > 0:
        return range(low, min(low + most, high + 1 if high is not None else low + most))
    if high is not None and high < 0:
        return range(max(high - most + 1, low if low is not None else high - most + 1), high + 1)
    half = most // 2
    return range(max(-half, low if low is not None else -half), min(half, high if high is not None else half) + 1)


def _written(value: Fraction) -> str | None:
    """`value` as plain digits, None where they would not be exact."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{decimal:f}"
    return text if Fraction(text) == value and len(text) <= 16 else None


def finite(clause: Clause) -> list[Any] | None:
    """The integers between near bounds, smallest first; None if there are more than 64 or no bounds."""
    span = span_of(clause)
    low, high = span.least_integer, span.greatest_integer
    if low is None or high is None or high - low >= 64 or any(True for _ in clause.said("multipleOf")):
        return None
    return [value for value in range(low, high + 1) if value not in clause.excluded]
