"""Fitting: a gate's model from labelled vectors: cross-validated scores for the calibration, then a head on everything.

Deterministic by seed. Knows neither files nor encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration
from pipeline.routing.head import FEW, Head, Matrix, Method, numbered
from pipeline.routing.model import GateModel

MANY = 5_000
"""More examples than this are cut into 3 parts instead of 5: a head of two thirds is as good then, and it takes half
of the time."""


def fit(
    vectors: Matrix,
    labels: Sequence[str],
    *,
    encoder: str = "",
    precision: float | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> GateModel:
    """Fit head, calibration and thresholds on labelled unit vectors (m, d); `out_of_scope` may be one of the labels.

    Every threshold comes from scores of heads that had not seen the example. With fewer than FEW examples of a class
    there is nothing to hold out: the nearest class decides then, and the calibration is a cautious guess.
    """
    intents = sorted(set(labels) - {OUT_OF_SCOPE})
    names = (*intents, *([OUT_OF_SCOPE] if OUT_OF_SCOPE in labels else []))
    numbers = numbered(labels, names)
    counts = np.bincount(numbers, minlength=len(names))
    method: Method = "nearest" if counts.min() < FEW else "regression"
    progress(f"Fitting {len(intents)} intents on {len(labels)} examples…")
    head = Head.fit(vectors, numbers, len(names), method)
    if counts.min() < 2 or len(intents) < 2:
        calibration = Calibration(1.0, (-2.0, -1.0, 0.0, 0.0), 0.5, 0.95, 0.95)
        return GateModel(tuple(intents), head, calibration, encoder)
    from sklearn.model_selection import StratifiedKFold

    folds = min(3 if len(labels) > MANY else 5, int(counts.min()))
    held_out = np.zeros((len(labels), len(names)), dtype=np.float32)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(vectors, numbers)
    for number, (seen, unseen) in enumerate(parts, 1):
        progress(f"Holding out part {number} of {folds}…")
        held_out[unseen] = Head.fit(vectors[seen], numbers[seen], len(names), method).scores(vectors[unseen])
    calibration = Calibration.fit(held_out, numbers, len(intents), precision)
    return GateModel(tuple(intents), head, calibration, encoder)
