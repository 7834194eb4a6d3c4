"""Head: from vectors to one score per class, linear. Knows matrices; nothing of texts, probabilities or thresholds.

- `regression`: multinomial logistic regression;
- `late`: the same, with more weight on an encoder's later layers, which say more of meaning and less of words;
- `metric`: the nearest class mean under a metric that is learnt: the inverse of the classes' common covariance, shrunk
  (linear discriminant analysis; Friedman, "Regularized Discriminant Analysis", JASA 1989);
- `nearest`: the nearest class mean by cosine, where examples are too few for any of these.
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

FIRST, LAST = 0.5, 2.0
"""Weights of the first and last layer for `late`, before the whole is at unit length again; those between lie between,
and the words themselves (layer 0) keep 1. With ten examples an intent 0.8 points better than even (CLINC150)."""
REDUCED = 768
"""Principal directions that a regression is fitted in where there are more columns: the same 97.4 % of CLINC150's
validation part as in all 2,688, in a fifth of the time; 384 lose a tenth of a point."""
SQUARE = 3_000
"""Rows that say where these directions lie, at most, where there are more columns than this, too: what it takes grows
with the cube of the smaller of the two, to minutes a head with 10,000 examples of a wide encoder."""
NOTHING = 1e-6
"""Share of the longest direction's squared length below which another is no more than rounding."""
SHRINKAGE = 0.6
"""Of the common covariance towards a ball, for `metric`; 0.4 to 0.8 differ by half a point."""

Method = Literal["nearest", "regression", "late", "metric"]


@dataclass(frozen=True, eq=False)
class Head:
    """`weights`: (d, n) and `bias`: (n,), float32; `method` says how they were found."""

    weights: Matrix
    bias: Matrix
    method: Method

    @classmethod
    def fit(cls, vectors: Matrix, labels: Numbers, classes: int, method: Method | None = None, layer: int = 0) -> Head:
        """Fit to unit vectors (m, d) and their class numbers (m,), each class at least once; `method`: None chooses by
        their number. `layer`: columns of a layer, of which `vectors` hold several side by side; `late` needs it.
        """
        counts = np.bincount(labels, minlength=classes)
        chosen = method or ("nearest" if counts.min() < FEW else "regression")
        if chosen == "nearest" or classes < 2:
            return cls._nearest(vectors, labels, classes)
        if chosen == "metric":
            return cls._metric(vectors, labels, classes)
        if chosen == "late":
            scale = _late(vectors.shape[1], layer)
            head = cls.fit(vectors * scale, labels, classes, "regression")
            return cls(head.weights * scale[:, None], head.bias, "late")
        if vectors.shape[1] > REDUCED and len(vectors) > REDUCED:
            turned = principal(vectors, REDUCED)
            head = cls.fit(vectors @ turned, labels, classes, "regression")
            return cls(turned @ head.weights, head.bias, "regression")
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
    def _metric(cls, vectors: Matrix, labels: Numbers, classes: int) -> Head:
        means = np.stack([vectors[labels == number].mean(axis=0) for number in range(classes)])
        rest = vectors - means[labels]
        common = rest.T @ rest / max(len(rest) - classes, 1)
        ball = np.trace(common) / len(common)
        common = (1 - SHRINKAGE) * common + (SHRINKAGE * ball + 1e-9) * np.eye(len(common), dtype=np.float32)
        weights = np.linalg.solve(common, means.T)
        bias = -0.5 * np.einsum("dn,nd->n", weights, means)
        return cls(weights.astype(np.float32), bias.astype(np.float32), "metric")

    @classmethod
    def _nearest(cls, vectors: Matrix, labels: Numbers, classes: int) -> Head:
        means = np.stack([vectors[labels == number].mean(axis=0) for number in range(classes)])
        means /= np.linalg.norm(means, axis=1, keepdims=True) + 1e-9
        return cls((SHARPNESS * means.T).astype(np.float32), np.zeros(classes, dtype=np.float32), "nearest")

    def scores(self, vectors: Matrix) -> Matrix:
        """One score a class: (m, n), float32. Higher is likelier."""
        scores: Matrix = vectors @ self.weights + self.bias
        return scores


def principal(vectors: Matrix, count: int) -> Matrix:
    """(d, at most `count`): the directions of most of the vectors' length, orthonormal; the mean is not taken off.

    Of SQUARE rows drawn at random, where there are more rows and more columns than that.
    """
    from scipy.linalg import eigh  # type: ignore[import-untyped]

    directions: Matrix
    if min(vectors.shape) > SQUARE:
        vectors = vectors[np.random.default_rng(0).choice(len(vectors), SQUARE, replace=False)]
    rows, columns = vectors.shape
    if rows >= columns:
        directions = eigh(vectors.T @ vectors, subset_by_index=(max(columns - count, 0), columns - 1))[1]
        return directions.astype(np.float32)
    lengths, turned = eigh(vectors @ vectors.T, subset_by_index=(max(rows - count, 0), rows - 1))
    some = lengths > NOTHING * lengths[-1]
    directions = (vectors.T @ turned[:, some]) / np.sqrt(lengths[some])
    return directions.astype(np.float32)


def _late(columns: int, layer: int) -> Matrix:
    """(columns,): the weight of each, the same within a layer."""
    layers = columns // layer if layer and columns % layer == 0 else 1
    if layers < 2:
        return np.ones(columns, dtype=np.float32)
    weights = np.array([1.0, *np.linspace(FIRST, LAST, layers - 1)])
    weights *= np.sqrt(layers / np.sum(weights**2))
    return np.repeat(weights, layer).astype(np.float32)


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
