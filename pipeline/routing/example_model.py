"""ExampleModel: what an app's own examples say of a message, for an app whose gate was never calibrated.

Two readings of the encoder's vectors (sentences as unit vectors):

- *which*: a logistic regression (scikit-learn) over all examples, the app's off-topic examples being one more class. It
  gives probabilities.
- *whether at all*: how similar the request is to the winner's examples. A request like none of them is out of scope,
  whatever the regression says, which has to share 100 % out among the classes it knows.

The constants were settled with the travel app's 208 examples, each held out in turn (20 folds), and 700 utterances of
CLINC150 from other domains as off-topic text. With the values below 83 % of the held-out examples are routed right,
6 % become a question, 5 % are turned away, 5 % go wrong; 72 % of the off-topic text is turned away. The examples are
varied on purpose, so that a held-out one is harder than an ordinary request. Before any threshold the regression
decides 89 % right.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.curve import Floats
from pipeline.routing.dataset import Row
from pipeline.routing.decision import SHORTLIST, Verdict
from pipeline.routing.head import INVERSE_PENALTY, Matrix

FLOOR = 0.25
"""Least similarity (cosine, -1 to 1) of a request to the winning intent's examples; below it is out of scope."""
SURE = 0.9
"""Probability from which a model is not asked any more: 47 % of the held-out examples, all of them routed right."""


class ExampleModel:
    """Fitted once, when it is made, which takes about a second for two hundred examples.

    `rows` in the order of their intents, those that are out of scope last; `vectors`: (m, d), one a row.
    """

    def __init__(self, rows: Sequence[Row], vectors: Matrix) -> None:
        from sklearn.linear_model import LogisticRegression  # takes a second, and only a gate needs it

        self.names = tuple(dict.fromkeys(row.intent for row in rows))
        self._intents = sum(name != OUT_OF_SCOPE for name in self.names)
        self._labels = np.array([self.names.index(row.intent) for row in rows])
        self._examples = vectors.astype(np.float64)
        means = np.stack([self._examples[self._labels == number].mean(axis=0) for number in range(len(self.names))])
        self._centroids: Floats = means / np.linalg.norm(means, axis=1, keepdims=True)
        self._regression = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
        self._regression.fit(self._examples, self._labels)

    def verdicts(self, vectors: Matrix, without: Collection[str] = ()) -> list[Verdict]:
        """One a row of vectors (m, d); `without`: intents that are ruled out."""
        return [self._verdict(vector, without) for vector in vectors.astype(np.float64)]

    def _verdict(self, vector: Floats, without: Collection[str]) -> Verdict:
        probabilities: Floats = self._regression.predict_proba(vector[None, :])[0]
        probabilities = probabilities * [name not in without for name in self.names]
        if not probabilities[: self._intents].any():  # every intent is ruled out
            return Verdict("", 1.0, True, False, ((OUT_OF_SCOPE, 1.0),), 0.0)
        probabilities = probabilities / probabilities.sum()
        order = np.argsort(-probabilities, kind="stable")
        candidates = tuple((self.names[number], float(probabilities[number])) for number in order[:SHORTLIST])
        best, *others = [int(number) for number in order if number < self._intents]
        similarity = self._similarity(vector, best)
        margin = float(probabilities[best] - (probabilities[others[0]] if others else 0.0))
        # The regression shares 100 % out among the classes it knows: what is like none of them is out all the same.
        out = bool(order[0] >= self._intents or similarity < FLOOR)
        sure = not out and bool(probabilities[best] >= SURE)
        return Verdict(self.names[best], margin, out, sure, candidates, similarity)

    def _similarity(self, vector: Floats, number: int) -> float:
        """Half the mean over the two nearest examples, half the centroid: one odd example alone lets nothing in."""
        nearest = np.sort(self._examples[self._labels == number] @ vector)[-2:]
        return float(0.5 * nearest.mean() + 0.5 * (self._centroids[number] @ vector))
