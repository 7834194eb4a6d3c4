"""Span: the numbers between two bounds, either of which may be open or infinite. Knows exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from models.schema.clause import Clause

INFINITE = Decimal("Infinity")


@dataclass(frozen=True)
class Span:
    """From `low` to `high`; an end that is open is not part of it, nor is an infinite one."""

    low: Decimal = -INFINITE
    high: Decimal = INFINITE
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def least_integer(self) -> int | None:
        if self.low == -INFINITE:
            return None
        return floor(self.low) + 1 if self.low_open else ceil(self.low)

    @property
    def greatest_integer(self) -> int | None:
        if self.high == INFINITE:
            return None
        return ceil(self.high) - 1 if self.high_open else floor(self.high)

    @property
    def mirrored(self) -> Span:
        """The same of the numbers times -1."""
        return Span(-self.high, -self.low, self.high_open, self.low_open)

    def __str__(self) -> str:
        return " to ".join("" if end.is_infinite() else str(end) for end in (self.low, self.high))

    def holds(self, value: int) -> bool:
        above = self.low < value or (self.low == value and not self.low_open)
        return above and (self.high > value or (self.high == value and not self.high_open))

    def without(self, value: Decimal) -> list[Span]:
        """The span on both sides of `value`."""
        if not self.low <= value <= self.high:
            return [self]
        sides = [Span(self.low, value, self.low_open, True), Span(value, self.high, True, self.high_open)]
        return [side for side in sides if not side.empty]


def span_of(clause: Clause) -> Span:
    """What minimum, maximum and their exclusive forms leave."""
    lows = [(Decimal(str(value)), False) for value, _ in clause.said("minimum")]
    lows += [(Decimal(str(value)), True) for value, _ in clause.said("exclusiveMinimum")]
    highs = [(Decimal(str(value)), True) for value, _ in clause.said("maximum")]
    highs += [(Decimal(str(value)), False) for value, _ in clause.said("exclusiveMaximum")]
    low, low_open = max(lows, default=(-INFINITE, False))
    high, closed = min(highs, default=(INFINITE, True))
    return Span(low, high, low_open, not closed)
