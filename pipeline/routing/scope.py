"""Scope: whether a message is for any intent at all, as a logistic regression on a few facts about it.

Knows what was made of messages; the thresholds are calibration.py's. A head says which intent is likeliest, even of a
near miss, which scores high and is still like no single example: so the likeness to these is one fact more, where it
tells near misses better on messages held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.routing.curve import OUT_SHARE, Bools, Floats
from pipeline.routing.head import Matrix, Numbers, softmax

NEAR = 0.5
"""Share of near misses among what is taken to be out of scope, where there are labelled examples of it as well."""
FEW_ROWS = 60
"""What all rows count for where near misses are among them: whole intents held out are not those to come, and facts
that say nearly the same must not be played off against each other. At 93 % right in scope 72 % of unseen near misses
are found instead of 68, and with likeness 73 or 74 instead of 70 (CLINC150, 40 an intent, six drawings from eight of
its domains; 35 and 180 rows differ by a point, the others are with 16,000).
"""
PARTS = 5
"""Parts of the held-out messages that are kept back in turn to see whether their likeness to examples is worth it."""
PLAIN = 4
"""Numbers of P(out of scope) where likeness to examples has no part in it."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What is made of messages: a head's `scores` (m, n), and the `likeness` (m,) of each to the nearest examples of
    its best intent; None: not looked at.
    """

    scores: Matrix
    likeness: Floats | None = None

    def some(self, rows: Bools) -> Reading:
        """Those at these rows."""
        return Reading(self.scores[rows], None if self.likeness is None else self.likeness[rows])

    def beside(self, other: Reading) -> Reading:
        """Both, one behind the other."""
        scores = np.concatenate([self.scores, other.scores])
        if self.likeness is None or other.likeness is None:
            return Reading(scores)
        return Reading(scores, np.concatenate([self.likeness, other.likeness]))


def facts_of(reading: Reading, intents: int, compare: bool) -> Floats:
    """(m, PLAIN): 1, log share of the best intent, its score, its lead over out of scope (0 without such a class).

    With `compare` there is one column more, the likeness.
    """
    scores = reading.scores
    best = scores[:, :intents].max(axis=1).astype(np.float64)
    lead = best - scores[:, intents] if scores.shape[1] > intents else np.zeros(len(scores))
    share = softmax(scores)[:, :intents].max(axis=1) if intents else np.ones(len(scores))
    facts = [np.ones(len(scores)), np.log(share + 1e-9), best, lead]
    if compare:
        if reading.likeness is None:
            raise ValueError("this calibration needs to know how like a message is to its nearest examples")
        facts.append(reading.likeness)
    return np.stack(facts, axis=1)


def apart_of(known: Reading, near: Reading, intents: int) -> tuple[float, float] | None:
    """Areas under the curve of near misses against messages in scope, with likeness and without; cross-fitted."""
    from sklearn.metrics import roc_auc_score

    if known.likeness is None or near.likeness is None or min(len(known.scores), len(near.scores)) < PARTS:
        return None
    target = np.repeat([0, 1], [len(known.scores), len(near.scores)])
    part = np.random.default_rng(0).permutation(len(target)) % PARTS
    areas: list[float] = []
    for compare in (True, False):
        facts = np.vstack([facts_of(known, intents, compare), facts_of(near, intents, compare)])
        told = np.zeros(len(target))
        for number in range(PARTS):
            seen = part != number
            ours, theirs = facts[seen & (target == 0)], facts[seen & (target == 1)]
            if not len(ours) or not len(theirs):
                return None
            told[~seen] = facts[~seen] @ fit_scope(ours, theirs, row_weights(len(ours), 0, len(theirs)), FEW_ROWS)
        areas.append(round(float(roc_auc_score(target, told)), 4))
    return areas[0], areas[1]


def orphaned(reading: Reading, labels: Numbers, intents: int) -> Reading:
    """What is made of each row as if its own class did not exist, by scores alone."""
    scores = reading.scores
    if intents < 2:
        return Reading(scores[:0])
    others = scores.copy()
    others[np.arange(len(labels)), labels] = scores.min() - 1
    return Reading(others)


def fit_scope(known: Floats, unknown: Floats, weights: Floats, rows: float | None = None) -> tuple[float, ...]:
    """The numbers of P(out of scope) from facts of messages in scope and out of it, and their weights, which sum to 1.

    `rows`: for how many rows they count against the penalty on the slopes; None: for ten times what they are.
    """
    from sklearn.linear_model import LogisticRegression

    if not len(known) or not len(unknown):
        return (-4.0, *[0.0] * (known.shape[1] - 1))
    facts = np.vstack([known, unknown])[:, 1:]
    middle, spread = facts.mean(axis=0), facts.std(axis=0) + 1e-9
    target = np.repeat([0, 1], [len(known), len(unknown)])
    regression: Any = LogisticRegression(max_iter=1000)
    regression.fit((facts - middle) / spread, target, weights * (10 * len(target) if rows is None else rows))
    slopes = regression.coef_[0] / spread
    return (float(regression.intercept_[0] - slopes @ middle), *(float(slope) for slope in slopes))


def row_weights(known: int, told: int, near: int) -> Floats:
    """Weights of rows that sum to 1: messages in scope, examples of what is out of scope, near misses."""
    among = NEAR if told and near else float(near > 0)
    out = OUT_SHARE if known else 1.0
    parts = ((known, 1 - out), (told, out * (1 - among)), (near, out * among))
    return np.concatenate([np.full(count, share / max(count, 1)) for count, share in parts])
