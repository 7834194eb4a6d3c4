"""How sure a mean over queries is, and a difference of two: the bootstrap (Efron, "Bootstrap Methods", 1979).

Queries are drawn anew, with replacement, and the middle 95 % of the means are the interval. Two settings are compared
query by query (paired): what makes a query hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_DRAWS = 2000
_AT_ONCE = 100
_MIDDLE = (2.5, 97.5)


@dataclass(frozen=True)
class Difference:
    """Of two means, second less first: its 95 % interval, and a two-sided bootstrap p that there is none."""

    mean: float
    low: float
    high: float
    p: float


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of `values`, one a query."""
    low, high = np.percentile(_means(values), _MIDDLE)
    return float(low), float(high)


def compare(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Paired: value i of both is query i's."""
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    means = _means(differences)
    low, high = np.percentile(means, _MIDDLE)
    p = min(1.0, 2 * min(float(np.mean(means <= 0)), float(np.mean(means >= 0))))
    return Difference(float(differences.mean()), float(low), float(high), p)


def _means(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    draw = np.random.default_rng(0)  # the same figures tell the same interval
    parts = [
        array[draw.integers(0, len(array), size=(_AT_ONCE, len(array)))].mean(axis=1) for _ in range(_DRAWS // _AT_ONCE)
    ]
    return np.concatenate(parts)
