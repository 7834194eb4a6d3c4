"""Head: from vectors to one score per class, linear. Fitted as a regression, or as the nearest class where examples are
few. Knows matrices; nothing of texts, probabilities or thresholds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

INVERSE_PENALTY = 30.0
"""C of the regression: best or within 0.3 points of it from 10 examples a class to 100 (CLINC150), of 7, 22, 30, 67."""
FEW = 3
"""Fewer examples than this of some class, and the nearest class (by its mean) is taken: a regression has no hold."""
SHARPNESS = 20.0
"""What cosines to class means are multiplied with, so that they can be read as scores; calibration corrects it."""
ITERATIONS = 150
TOLERANCE = 3e-6
"""Of the gradient of the mean loss. With 150 classes that starts below 1e-3: scikit-learn's default ends too early."""

Method = Literal["nearest", "regression"]


@dataclass(frozen=True, eq=False)
class Head:
    """`weights`: (d, n) and `bias`: (n,), float32; `method` says how they were found."""

    weights: Matrix
    bias: Matrix
    method: Method

    @classmethod
    def fit(cls, vectors: Matrix, labels: Numbers, classes: int, method: Method | None = None) -> Head:
        """Fit to unit vectors (m, d) and their class numbers (m,), each class at least once; `method`: None chooses."""
        counts = np.bincount(labels, minlength=classes)
        chosen = method or ("nearest" if counts.min() < FEW else "regression")
        if chosen == "nearest" or classes < 2:
            return cls._nearest(vectors, labels, classes)
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression  # takes a second, and only a gate needs it

        limits = {"max_iter": ITERATIONS, "tol": TOLERANCE}
        regression: Any = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", **limits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits decide nothing
            regression.fit(vectors.astype(np.float32), labels)
        weights, bias = regression.coef_.T, regression.intercept_
        if classes == 2:  # scikit-learn keeps one column for two classes
            weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        return cls(weights.astype(np.float32), bias.astype(np.float32), "regression")

    @classmethod
    def _nearest(cls, vectors: Matrix, labels: Numbers, classes: int) -> Head:
        means = np.stack([vectors[labels == number].mean(axis=0) for number in range(classes)])
        means /= np.linalg.norm(means, axis=1, keepdims=True) + 1e-9
        return cls((SHARPNESS * means.T).astype(np.float32), np.zeros(classes, dtype=np.float32), "nearest")

    def scores(self, vectors: Matrix) -> Matrix:
        """One score a class: (m, n), float32. Higher is likelier."""
        scores: Matrix = vectors @ self.weights + self.bias
        return scores


def softmax(scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Row by row, float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    result: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return result


def numbered(labels: Sequence[str], names: Sequence[str]) -> Numbers:
    """Each label's place in `names`; -1 for one that is not there."""
    places = {name: number for number, name in enumerate(names)}
    return np.array([places.get(label, -1) for label in labels], dtype=np.int64)
