"""Verdict: what the encoder's probabilities of one message amount to, and how a model's opinion is added to them.

Knows probabilities and thresholds only. The order in which intents are given does not matter: ties go by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration

SHORTLIST = 5
REST = 0.005
"""Probability that may be left outside of a shortlist: it ends as soon as the others together are no likelier."""
FLOOR = 1e-4
"""Least probability in a product: neither the encoder nor a model may rule something out alone."""


@dataclass(frozen=True)
class Verdict:
    """`best` is the likeliest intent; `margin` its lead over the next; `out` whether the message is turned away.

    `sure`: no model needs to be asked. `shortlist`: the intents worth asking about, likeliest first, one if sure.
    """

    best: str
    probability: float
    margin: float
    out: bool
    sure: bool
    shortlist: tuple[str, ...]
    ranking: tuple[tuple[str, float], ...]


def verdict(probabilities: Mapping[str, float], calibration: Calibration) -> Verdict:
    """Of one message: probabilities by intent, out_of_scope among them."""
    ranking = tuple(sorted(probabilities.items(), key=lambda item: (-item[1], item[0])))
    intents = [item for item in ranking if item[0] != OUT_OF_SCOPE]
    beyond = probabilities.get(OUT_OF_SCOPE, 0.0)
    best, probability = intents[0]
    out = beyond > calibration.out or probability == 0
    sure = beyond >= calibration.surely_out if out else probability >= calibration.sure
    margin = probability - (intents[1][1] if len(intents) > 1 else 0.0)
    return Verdict(best, probability, margin, out, sure, shortlist(ranking, sure), ranking)


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
