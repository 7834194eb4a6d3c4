"""Span: the numbers between two bounds, either of which may be open or missing. Knows exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from models.schema.clause import Clause


@dataclass(frozen=True)
class Span:
    """From `low` to `high`, None where there is no end; an end that is open is not part of it."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def least_integer(self) -> int | None:
        if self.low is None:
            return None
        return floor(self.low) + 1 if self.low_open else ceil(self.low)

    @property
    def greatest_integer(self) -> int | None:
        if self.high is None:
            return None
        return ceil(self.high) - 1 if self.high_open else floor(self.high)

    @property
    def mirrored(self) -> Span:
        """The same of the numbers times -1."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Span(low, high, self.high_open, self.low_open)

    def holds(self, value: int) -> bool:
        above = self.low is None or self.low < value or (self.low == value and not self.low_open)
        return above and (self.high is None or self.high > value or (self.high == value and not self.high_open))

    def without(self, value: Decimal) -> list[Span]:
        """The span on both sides of `value`."""
        sides = [Span(self.low, value, self.low_open, True), Span(value, self.high, True, self.high_open)]
        inside = (self.low is None or self.low <= value) and (self.high is None or value <= self.high)
        return [side for side in sides if not side.empty] if inside else [self]


def span_of(clause: Clause) -> Span:
    """What minimum, maximum and their exclusive forms leave."""
    lows = [(Decimal(str(value)), False) for value, _ in clause.said("minimum")]
    lows += [(Decimal(str(value)), True) for value, _ in clause.said("exclusiveMinimum")]
    highs = [(Decimal(str(value)), True) for value, _ in clause.said("maximum")]
    highs += [(Decimal(str(value)), False) for value, _ in clause.said("exclusiveMaximum")]
    low, low_open = max(lows, default=(None, False))
    high, closed = min(highs, default=(None, True))
    return Span(low, high, low_open, not closed)
