"""Calibration: from a head's scores to probabilities that mean what they say, and the thresholds set on them.

Two questions, as a message is either for one of the intents or for none:

    P(out of scope) = sigmoid(a + b·log(share of the best intent) + c·(its score) + d·(its lead over the class of
                      out-of-scope examples, if there is one) + e·(likeness to its nearest examples, where that tells
                      near misses better))
    P(intent)       = (1 - P(out of scope)) · softmax(scores of the intents / temperature)

Fitted on scores of examples by heads that had not seen them. What a message for no intent looks like is learnt from
the examples that are out of scope; where there are none, or only such as are far off, from near misses as well:
examples scored by heads that know nothing of their intent. The threshold then costs least: a message in scope that is
turned away is worse than a question, one out of scope that is let in a wrong action, and a tenth of all messages is
out of scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.costs import Costs
from pipeline.routing.curve import OUT_SHARE, WISH, Bools, Curve, Floats
from pipeline.routing.head import Matrix, Numbers, softmax
from pipeline.routing.scope import FEW_ROWS, PLAIN, Reading, apart_of, facts_of, fit_scope, orphaned, row_weights

TURNED_AWAY = 0.007
"""Share of rightly recognised held-out examples that the threshold turns away where labelled examples say what is out
of scope. On unseen messages it is a little more: CLINC150, train to val: 97.4 % right before it and 96.4 after it,
with 83 % of the messages out of scope recognised."""
EASY = 0.95
"""Labelled examples of which that threshold finds so many are far off, and say nothing of what is near."""
TURNING_AWAY = 3.5
"""What a held-out message in scope that is turned away stands for, in questions: one that is costs 1.75, as its
customer has to come again or goes, and of new messages up to twice as many are, as people write examples that are
variations of each other.
"""
MOST_TURNED_AWAY = 0.02
"""Share of rightly recognised held-out examples that a threshold turns away at most, whatever wrong actions cost."""
NEVER = 1.01
"""A threshold that no probability reaches: the encoder decides nothing alone."""
WIDEST = 0.9
"""The widest margin: a lead over that is no close call, whatever an action costs."""
LEAST_DOUBTS = 5
"""Held-out messages whose second intent was right; of fewer nothing is learnt."""


@dataclass(frozen=True)
class Calibration:
    """`scope`: the four or five numbers of P(out of scope); the fifth is for the likeness. `sure`: least probability at
    which the encoder decides alone, and `aim` the precision that it has there (0: none that is worth it could be had).

    `out`: above this P(out of scope) a message is turned away; above `surely_out` without asking a model. `doubt`:
    a and b of P(the second intent is right) = sigmoid(a + b · lead of the first); None: too little was held out.
    `apart`: how likely a near miss has a higher P(out of scope) than a message in scope (area under the curve, held
    out), with the likeness and by scores alone; None: not tried.
    """

    temperature: float
    scope: tuple[float, ...]
    out: float
    sure: float
    surely_out: float
    doubt: tuple[float, float] | None = None
    aim: float = 0.0
    apart: tuple[float, float] | None = None

    @property
    def compares(self) -> bool:
        """Whether it needs to know how like a message is to its nearest examples."""
        return len(self.scope) > PLAIN

    def margin(self, doubt: float) -> float:
        """The lead over the second intent below which that is the right one with at least the probability `doubt`."""
        if self.doubt is None:
            return plain_margin(doubt)
        start, slope = self.doubt
        lead = (log(doubt / (1 - doubt)) - start) / slope if 0 < doubt < 1 else 0.0
        return min(max(lead, 0.0), WIDEST)

    def probabilities(self, reading: Reading, intents: int) -> Floats:
        """(m, intents + 1), rows sum to 1; the last column is out of scope. Scores may hold that class's, last."""
        inside = softmax(reading.scores[:, :intents] / self.temperature)
        beyond = _sigmoid(facts_of(reading, intents, self.compares) @ np.array(self.scope))[:, None]
        return np.hstack([inside * (1 - beyond), beyond])

    @classmethod
    def fit(
        cls,
        reading: Reading,
        labels: Numbers,
        intents: int,
        precision: float | None = None,
        *,
        near: Reading | None = None,
        costs: Costs | None = None,
    ) -> Calibration:
        """From what was made of messages held out and their labels (m,), where `intents` and above are out of scope.

        `precision`: wanted share of right decisions among those that the encoder makes alone; see `Curve.best`. `near`:
        what was made of near misses; None: each row is read as if its own class did not exist, if none is out of scope.
        Examples that are out of scope suffice, unless they are all recognised anyway: then they say nothing of what is
        near.
        """
        inside = labels < intents
        ours, told, none = reading.some(inside), reading.some(~inside), reading.some(np.zeros(len(labels), dtype=bool))
        temperature = _temperature(ours.scores[:, :intents], labels[inside])

        def read(
            beyond: Reading, weights: Floats, compare: bool, rows: float | None = None
        ) -> tuple[tuple[float, ...], Floats, Floats]:
            scope = fit_scope(facts_of(ours, intents, compare), facts_of(beyond, intents, compare), weights, rows)
            plain = cls(temperature, scope, 1.0, 1.0, 1.0)
            return scope, plain.probabilities(ours, intents), plain.probabilities(beyond, intents)

        first = told if len(told.scores) or near is not None else orphaned(reading, labels, intents)
        weights = row_weights(int(inside.sum()), len(first.scores), 0)
        scope, known, unknown = read(first, weights, compare=False)
        right = known[:, :-1].argmax(axis=1) == labels[inside]
        out, apart = _few_turned_away(known[:, -1], right), None
        if near is None or (len(told.scores) and (unknown[:, -1] > out).mean() < EASY):
            near = none
        else:
            first = told
            weights = row_weights(int(inside.sum()), len(told.scores), len(near.scores))
            apart = apart_of(ours, near, intents)
            compare = apart is not None and apart[0] > apart[1]
            scope, known, unknown = read(told.beside(near), weights, compare, FEW_ROWS)
            out = _cheapest(known[:, -1], unknown[:, -1], right, weights, costs or Costs())
        served = np.concatenate([known, unknown])
        alone = Curve(
            np.where(served[:, -1] > out, 0, served[:, :-1].max(axis=1)),
            np.concatenate([right, np.zeros(len(unknown), dtype=bool)]),
            np.repeat([True, False], [len(known), len(unknown)]),
            weights,
        ).best(precision)
        surely_out = _least(
            np.concatenate([unknown[:, -1], known[:, -1]]),
            np.concatenate([np.ones(len(unknown), dtype=bool), np.zeros(len(known), dtype=bool)]),
            np.concatenate(
                [
                    (1 - OUT_SHARE) * row_weights(0, len(first.scores), len(near.scores)),
                    np.full(len(known), OUT_SHARE / max(len(known), 1)),
                ]
            ),
            alone.aim if alone else WISH,
        )
        return cls(
            temperature,
            scope,
            out,
            alone.threshold if alone else NEVER,
            max(out, surely_out),
            _doubt(known[:, :-1], labels[inside]),
            alone.aim if alone else 0.0,
            apart,
        )


def plain_margin(doubt: float) -> float:
    """`Calibration.margin` where nothing was learnt: of two intents that share all there is, one has `doubt`."""
    return min(max(1 - 2 * doubt, 0.0), WIDEST)


def _doubt(shares: Floats, labels: Numbers) -> tuple[float, float] | None:
    """How likely it is, by the lead of the first of the intents' shares (m, n), that the second is the label."""
    from sklearn.linear_model import LogisticRegression

    if shares.shape[1] < 2:
        return None
    order = np.argsort(-shares, axis=1)[:, :2]
    rows = np.arange(len(labels))
    leads = shares[rows, order[:, 0]] - shares[rows, order[:, 1]]
    second = order[:, 1] == labels
    if second.sum() < LEAST_DOUBTS or second.all():
        return None
    regression: Any = LogisticRegression(C=10.0, max_iter=1000)
    regression.fit(leads[:, None], second)
    slope = float(regression.coef_[0, 0])
    return (float(regression.intercept_[0]), slope) if slope < 0 else None


def _few_turned_away(known: Floats, right: Bools) -> float:
    """The P(out of scope) above which TURNED_AWAY of those that are rightly recognised lie. Between 0.02 and 0.9."""
    out = float(np.quantile(known[right], 1 - TURNED_AWAY)) if right.any() else 0.5
    return min(max(out, 0.02), 0.9)  # few examples may put it anywhere: never turn nearly all away, or nobody


def _cheapest(known: Floats, unknown: Floats, right: Bools, weights: Floats, costs: Costs) -> float:
    """The P(out of scope) above which turning away costs least. Between 0.02 and 0.9, as above.

    By smoothed weights: where few messages lie that far out, what costs least would go by one or two of them.
    """
    if not right.any() or not len(unknown):
        return 0.5
    places = np.unique(np.quantile(known[right], np.linspace(1 - MOST_TURNED_AWAY, 1, 251)))
    ours = _weight_above(places, known[right], weights[: len(known)][right])
    theirs = _weight_above(places, unknown, weights[len(known) :])
    paid = TURNING_AWAY * costs.asking * ours - costs.wrong * theirs
    return min(max(float(places[int(np.argmin(paid))]), 0.02), 0.9)


def _weight_above(places: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """The weight of the probabilities above each place, by a kernel density of their logits (Silverman 1986)."""
    from scipy.special import logit, ndtr  # type: ignore[import-untyped]

    at, rows = (logit(np.clip(one, 1e-6, 1 - 1e-6)) for one in (places, probabilities))
    width = max(1.06 * float(rows.std()) * len(rows) ** -0.2, 1e-3)
    result: Floats = np.array([ndtr((rows - place) / width) @ weights for place in at])
    return result


def _temperature(scores: Matrix, labels: Numbers) -> float:
    """The one that makes held-out labels likeliest, between 1/20 and 20 (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    if not len(labels) or scores.shape[1] < 2:
        return 1.0
    rows = np.arange(len(labels))

    def loss(exponent: float) -> float:
        return -float(np.log(softmax(scores / np.exp(exponent))[rows, labels] + 1e-12).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def _least(confidence: Floats, right: npt.NDArray[np.bool_], weights: Floats, precision: float) -> float:
    """The least confidence at and above which the weighted share of right rows is at least `precision`."""
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum((weights * right)[order]) / np.cumsum(weights[order])
    enough = np.flatnonzero(share >= precision)
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -40, 40)))
    return result


def calibration_error(confidence: Sequence[float] | Floats, right: Sequence[bool], bins: int = 15) -> float:
    """ECE: mean distance of confidence and share of right ones over equally wide bins, by their rows (Guo et al.)."""
    told, true = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(told):
        return 0.0
    places = np.minimum((told * bins).astype(int), bins - 1)
    return float(sum(abs((told - true)[places == place].sum()) for place in range(bins)) / len(told))
