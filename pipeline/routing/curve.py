"""Curve: what share of messages an encoder can decide alone, for each precision that it is to have there.

Knows confidences and whether they were right. A precision that cannot be had is a fact here, told with what can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WISH = 0.99
"""What is aimed at where nobody asks for a precision."""
STEPS = (*(round(0.995 - 0.005 * number, 3) for number in range(20)), 0.85, 0.8)
"""The precisions that a curve is told at."""
WORST = 0.9
"""A precision below this is aimed at only if it is asked for."""
MOST = 0.6
"""Share of in-scope messages for which precision is given up, half a point at a time."""
SOME = 0.2
"""Less than this share decided alone, and a gate is better off always asking; see `Curve.best`."""
OUT_SHARE = 0.1
"""Share of messages that is taken to be out of scope, whatever it is among the examples: theirs says nothing of it."""
RULE = (
    f"the highest precision up to {WISH:.0%} at which {MOST:.0%} of the messages in scope are decided alone, else"
    f" {SOME:.0%}, and none below {WORST:.0%}"
)


@dataclass(frozen=True)
class Point:
    """`precision` of what is decided alone from `threshold` on, with its 95 % interval; `coverage`: share in scope."""

    aim: float
    threshold: float
    coverage: float
    precision: float
    low: float
    high: float

    def row(self) -> dict[str, float]:
        """Ready for JSON."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


class Curve:
    """`confidence` of each message's likeliest intent, whether that is `right`, and whether the message is `inside`.

    `weights` of the messages; None: those out of scope are OUT_SHARE of all.
    """

    def __init__(
        self,
        confidence: Floats | Sequence[float],
        right: Bools | Sequence[bool],
        inside: Bools | Sequence[bool],
        weights: Floats | None = None,
    ) -> None:
        told = np.asarray(confidence, dtype=np.float64)
        order = np.argsort(-told, kind="stable")
        told = told[order]
        true, within = np.asarray(right, dtype=bool)[order], np.asarray(inside, dtype=bool)[order]
        weights = part_weights(within) if weights is None else weights[order]
        whole = np.append(np.diff(told) < 0, True) if len(told) else np.zeros(0, dtype=bool)  # equals pass together
        self._told = told[whole]
        self._share = (np.cumsum(weights * true) / np.maximum(np.cumsum(weights), 1e-12))[whole]
        self._rows = (np.cumsum(weights) ** 2 / np.maximum(np.cumsum(weights**2), 1e-12))[whole]
        self._covered = (np.cumsum(within) / max(int(within.sum()), 1))[whole]

    def point(self, precision: float) -> Point | None:
        """The widest coverage with at least this precision; None where no threshold has it."""
        enough = np.flatnonzero(self._share >= precision)
        if not len(enough):
            return None
        last = enough[-1]
        share = float(self._share[last])
        low, high = wilson(share, float(self._rows[last]))
        return Point(precision, float(self._told[last]), float(self._covered[last]), share, low, high)

    def points(self) -> list[Point]:
        """At each of STEPS that can be had."""
        return [point for step in STEPS if (point := self.point(step)) is not None]

    def best(self, wish: float | None = None) -> Point | None:
        """The point to work at. A wish that can be had is obeyed; else, or without one, RULE says which; None: none."""
        if wish is not None and (point := self.point(wish)) is not None:
            return point
        steps = [step for step in STEPS if min(WORST, wish or 1) <= step <= (wish or WISH)]
        reached = [point for step in steps if (point := self.point(step)) is not None]
        return next(
            (point for least in (MOST, SOME) for point in reached if point.coverage >= least),
            None,
        )


def part_weights(inside: Bools, out_share: float = OUT_SHARE) -> Floats:
    """Weights of rows that sum to 1, `out_share` of it for those that are out of scope, if there are any."""
    within = int(inside.sum())
    beyond = len(inside) - within
    if not within or not beyond:
        return np.full(len(inside), 1 / max(len(inside), 1))
    return np.where(inside, (1 - out_share) / within, out_share / beyond)


def wilson(share: float, rows: float, deviations: float = 1.96) -> tuple[float, float]:
    """The interval of a share of so many rows (Wilson 1927); `deviations` of a normal: 1.96 for 95 %."""
    square = deviations**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = deviations * sqrt(share * (1 - share) / rows + square / (4 * rows**2)) / (1 + square / rows)
    return max(0.0, middle - half), min(1.0, middle + half)
