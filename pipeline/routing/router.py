"""Router: which workflow a request is for, or that none is, or that two may be. Knows examples and an encoder only.

Two readings of the encoder's vectors (sentences as unit vectors, float32):

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
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.workflow import Workflow

__all__ = ["AMBIGUOUS", "OUT_OF_SCOPE", "Decision", "Encoder", "Reader", "Router"]

FLOOR = 0.25
"""Least similarity (cosine, -1 to 1) of a request to the winning intent's examples; below it is out of scope."""
MARGIN = 0.2
"""Least lead in probability over the runner-up intent; a closer call becomes a question."""
SURE = 0.9
"""Probability from which a model is not asked any more: 47 % of the held-out examples, all of them routed right."""
INVERSE_PENALTY = 30.0
"""C of the regression: the best held-out log likelihood of 1, 3, 10 and 30."""
SHORTLIST = 5

Vectors = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


class Encoder(Protocol):
    """What the router needs of index.Embedder."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, shape (len(texts), d)."""


@dataclass(frozen=True)
class Decision:
    """What the gate decided and why. `candidates`: the most likely intents with probabilities, out_of_scope among them.

    `intent` is set for kind "intent" only. `similarity` is to the winner's examples, 1 where a calibrated gate needs
    none. `by` names who decided. `margin` is the lead of the likeliest intent over the next. `sure`: no model needs to
    be asked. `model` is what the model alone made of its options, if it was asked; `fused`: in one text with a form.
    """

    kind: Literal["intent", "ambiguous", "out_of_scope"]
    intent: str | None
    candidates: tuple[tuple[str, float], ...]
    similarity: float = 1.0
    by: Literal["encoder", "model", "customer", "only"] = "encoder"
    margin: float = 1.0
    sure: bool = False
    model: tuple[tuple[str, float], ...] = ()
    fused: bool = False

    @property
    def label(self) -> str | None:
        """The intent's name, "out_of_scope", or None while a close call is open."""
        return OUT_OF_SCOPE if self.kind == "out_of_scope" else self.intent

    def row(self) -> dict[str, Any]:
        """Ready for JSON, as it stands in a receipt."""
        return {
            "kind": self.kind,
            "intent": self.intent,
            "by": self.by,
            "candidates": [[name, round(score, 4)] for name, score in self.candidates],
            "similarity": round(self.similarity, 4),
            "margin": round(self.margin, 4),
            "sure": self.sure,
            "model": [[name, round(score, 4)] for name, score in self.model],
            "fused": self.fused,
        }


class Reader(Protocol):
    """What the gate needs of a router, calibrated or not."""

    def decide(self, text: str, without: Collection[str] = ()) -> Decision:
        """Which intent a text is for; `without`: intents that are ruled out. Not for the event loop."""

    def decide_all(self, texts: Sequence[str], without: Collection[str] = ()) -> list[Decision]:
        """As `decide`, one decision a text; they are encoded together, which takes less time."""


class Router:
    """Encodes the examples and fits the regression once, when it is made (about a second for two hundred examples).

    Not for the event loop: make it and call `decide` in a thread.
    """

    def __init__(self, workflows: Sequence[Workflow], encoder: Encoder, off_topic: Sequence[str] = ()) -> None:
        from sklearn.linear_model import LogisticRegression  # takes a second, and only a gate needs it

        groups = [(w.intent, [w.description, *w.examples]) for w in workflows]
        self._intents = len(groups)
        if off_topic:
            groups.append((OUT_OF_SCOPE, list(off_topic)))
        self.names = tuple(name for name, _ in groups)
        self._encoder = encoder
        self._labels = np.array([number for number, (_, texts) in enumerate(groups) for _ in texts])
        self._examples = encoder.encode([text for _, texts in groups for text in texts]).astype(np.float64)
        means = np.stack([self._examples[self._labels == number].mean(axis=0) for number in range(len(groups))])
        self._centroids: Matrix = means / np.linalg.norm(means, axis=1, keepdims=True)
        self._regression = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
        self._regression.fit(self._examples, self._labels)

    def decide(self, text: str, without: Collection[str] = ()) -> Decision:
        """See `Reader`."""
        return self.decide_all([text], without)[0]

    def decide_all(self, texts: Sequence[str], without: Collection[str] = ()) -> list[Decision]:
        """See `Reader`."""
        return [self._decision(vector, without) for vector in self._encoder.encode(texts).astype(np.float64)]

    def _decision(self, vector: Matrix, without: Collection[str]) -> Decision:
        probabilities: Matrix = self._regression.predict_proba(vector[None, :])[0]
        probabilities = probabilities * [name not in without for name in self.names]
        if not probabilities[: self._intents].any():
            return Decision("out_of_scope", None, ((OUT_OF_SCOPE, 1.0),), 0.0)
        probabilities = probabilities / probabilities.sum()
        order = np.argsort(-probabilities, kind="stable")
        candidates = tuple((self.names[number], float(probabilities[number])) for number in order[:SHORTLIST])
        best, *others = [int(number) for number in order if number < self._intents]
        similarity = self._similarity(vector, best)
        margin = float(probabilities[best] - (probabilities[others[0]] if others else 0.0))
        if order[0] >= self._intents or similarity < FLOOR:
            return Decision("out_of_scope", None, candidates, similarity, margin=margin)
        if margin < MARGIN:
            return Decision("ambiguous", None, candidates, similarity, margin=margin)
        sure = bool(probabilities[best] >= SURE)
        return Decision("intent", self.names[best], candidates, similarity, margin=margin, sure=sure)

    def _similarity(self, vector: Matrix, number: int) -> float:
        """Half the mean over the two nearest examples, half the centroid: one odd example alone lets nothing in."""
        nearest = np.sort(self._examples[self._labels == number] @ vector)[-2:]
        return float(0.5 * nearest.mean() + 0.5 * (self._centroids[number] @ vector))
