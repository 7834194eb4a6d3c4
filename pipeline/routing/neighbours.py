"""Neighbours: how like a message is to the nearest examples of the intent that it seems to be for.

A head says which intent is likeliest, even of a message that is for none; a near miss scores high, and is still
like no single example. Knows vectors; which intent is asked about is told by its caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.routing.curve import Floats
from pipeline.routing.head import Matrix, Numbers

NEAREST = 3
"""Examples whose mean cosine counts: one alone may be odd."""
DIRECTIONS = 256
"""Principal directions that the examples are kept in."""
KEPT = 100
"""Examples kept of an intent at most: the gate stays small, and as quick as its encoder."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """`directions`: (d, r), orthonormal; `examples`: (k, r), in them; `numbers`: (k,), the intent of each."""

    directions: Matrix
    examples: Matrix
    numbers: Numbers

    @classmethod
    def of(cls, vectors: Matrix, numbers: Numbers, intents: int, directions: Matrix) -> Neighbours:
        """From unit vectors (m, d) and their class numbers (m,); those of `intents` and above are no intent's."""
        kept = np.concatenate([np.flatnonzero(numbers == number)[:KEPT] for number in range(intents)])
        return cls(directions, vectors[kept] @ directions, numbers[kept])

    def likeness(self, vectors: Matrix, numbers: Numbers) -> Floats:
        """(m,): the mean cosine of each vector (m, d) to the NEAREST examples of the intent (m,) asked about."""
        turned = vectors @ self.directions
        result = np.zeros(len(vectors))
        for number in np.unique(numbers):
            rows = np.flatnonzero(numbers == number)
            cosines = turned[rows] @ self.examples[self.numbers == number].T
            result[rows] = np.sort(cosines, axis=1)[:, -NEAREST:].mean(axis=1)
        return result
