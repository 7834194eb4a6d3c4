"""Decision: which intent a message is for, what the encoder's probabilities amount to, and how a model's are added.

Knows probabilities and thresholds only. The order in which intents are given does not matter: ties go by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration

MARGIN = 0.2
"""Least lead in probability over the runner-up intent where neither costs nor held-out messages say another one."""
SHORTLIST = 5
REST = 0.005
"""Probability that may be left outside of a shortlist: it ends as soon as the others together are no likelier."""
FLOOR = 1e-4
"""Least probability in a product: neither the encoder nor a model may rule something out alone."""

Kind = Literal["intent", "ambiguous", "out_of_scope"]


@dataclass(frozen=True)
class Decision:
    """What the gate decided and why. `candidates`: the most likely intents with probabilities, out_of_scope among them.

    `intent` is set for kind "intent" only. `similarity` is to the winner's examples, 1 where a calibrated gate needs
    none. `by` names who decided. `margin` is the lead of the likeliest intent over the next. `sure`: no model needs to
    be asked. `model` is what the model alone made of its options, if it was asked; `fused`: in one text with a form.
    """

    kind: Kind
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

    def reaches(self, probability: float, similarity: float) -> bool:
        """Whether it is for an intent with at least this probability, and at least so similar to its examples."""
        likely = dict(self.candidates).get(self.intent or "", 0.0)
        return self.kind == "intent" and likely >= probability and self.similarity >= similarity

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


@dataclass(frozen=True)
class Verdict:
    """What an encoder's vector amounts to. `best` is the likeliest intent, `margin` its lead over the next.

    `out`: the message is turned away. `sure`: no model needs to be asked. `candidates` and `similarity` as in Decision.
    """

    best: str
    margin: float
    out: bool
    sure: bool
    candidates: tuple[tuple[str, float], ...]
    similarity: float = 1.0

    def decision(self, margin: float = MARGIN) -> Decision:
        """What follows if nobody else is heard. `margin`: the least lead that is no close call."""
        kind: Kind = "intent"
        if self.out:
            kind = "out_of_scope"
        elif self.margin < margin and not (self.sure and margin <= MARGIN):
            # Calibrated thresholds may be sure of a narrow lead, but not where an action costs more than usual.
            kind = "ambiguous"
        intent = self.best if kind == "intent" else None
        sure = self.sure and kind != "ambiguous"
        return Decision(kind, intent, self.candidates, self.similarity, margin=self.margin, sure=sure)


def verdict(probabilities: Mapping[str, float], calibration: Calibration) -> Verdict:
    """Of one message by a calibrated gate: probabilities by intent, out_of_scope among them."""
    ranking = tuple(sorted(probabilities.items(), key=lambda item: (-item[1], item[0])))
    intents = [item for item in ranking if item[0] != OUT_OF_SCOPE]
    beyond = probabilities.get(OUT_OF_SCOPE, 0.0)
    best, probability = intents[0]
    out = beyond > calibration.out or probability == 0  # 0: every intent was ruled out
    sure = beyond >= calibration.surely_out if out else probability >= calibration.sure
    margin = probability - (intents[1][1] if len(intents) > 1 else 0.0)
    candidates = ranking[:SHORTLIST]
    if all(name != OUT_OF_SCOPE for name, _ in candidates):  # a model is always asked about it, however unlikely
        candidates += tuple(item for item in ranking if item[0] == OUT_OF_SCOPE)
    return Verdict(best, margin, out, sure, candidates)


def shortlist(ranking: Sequence[tuple[str, float]], sure: bool) -> tuple[str, ...]:
    """The intents worth asking a model about, of a ranking: one if the encoder is sure, else up to SHORTLIST.

    It ends as soon as the others together have no more than REST.
    """
    intents = [item for item in ranking if item[0] != OUT_OF_SCOPE]
    chosen: list[str] = []
    left = 1 - sum(share for name, share in ranking if name == OUT_OF_SCOPE)
    for name, share in intents[: 1 if sure else SHORTLIST]:
        if chosen and left <= REST:
            break
        chosen.append(name)
        left -= share
    return tuple(chosen)


def combined(encoder: Mapping[str, float], model: Mapping[str, float]) -> dict[str, float]:
    """Product of experts over what the model was asked about: P ∝ P_encoder · P_model, both at least FLOOR.

    `ambiguous` is the model's alone: it keeps its share, and the rest is shared out by the products. Intents that were
    not in the shortlist are no longer in question.
    """
    asked = [name for name in model if name != AMBIGUOUS]
    products = {name: max(encoder.get(name, 0.0), FLOOR) * max(model[name], FLOOR) for name in asked}
    doubt = model.get(AMBIGUOUS, 0.0)
    whole = sum(products.values())
    result = {name: (1 - doubt) * product / whole for name, product in products.items()}
    return result | ({AMBIGUOUS: doubt} if AMBIGUOUS in model else {})
