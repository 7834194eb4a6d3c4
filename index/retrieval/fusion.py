"""How the similarity and the BM25 of a passage become one score. Knows nothing of where they come from.

    score = cosine + weight · max(1, (sure / best cosine)²) · BM25 / Σ idf(word of the query)

BM25 divided by the query's whole rarity is the share of the query that the passage holds, counted in information: near
0 where people say the same in other words, and then the encoder decides; near 1 where the passage repeats the query.
Both are measured on a scale that is the same for all queries, which ranks (reciprocal rank fusion: Cormack, Clarke and
Büttcher, SIGIR 2009) and scores divided by the best found (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
Hybrid Retrieval", TOIS 2023) are not: these let a lexical search that found nothing of use outvote the encoder. Where
the encoder finds nothing near the query (a bare list of words, jargon), words count more. docs/benchmarks.md says how
the two constants were measured for the default encoder's cosines; an index of another encoder has its own (`scaled`),
and `interlock index tune` fits them to an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHT = 0.6
SURE = 0.65
QUOTED, ASKED = 0.50, 0.40
"""Of the default encoder's cosines of a question and the nearest sentence; docs/benchmarks.md says how measured."""
# Below this a best cosine says no more than that the encoder knows nothing.
_UNSURE = 0.1
_SEPARATED = 2.0


@dataclass(frozen=True)
class Fusion:
    """The two constants; the defaults are the default encoder's."""

    weight: float = WEIGHT
    sure: float = SURE

    def lexical_weight(self, rarity: float, best: float) -> float:
        """What one unit of BM25 adds to a cosine. `rarity`: Σ idf over the query's words, `best`: the best cosine."""
        return self.weight * max(1.0, self.sure / max(best, _UNSURE)) ** 2 / rarity if rarity > 0 else 0.0

    def row(self) -> dict[str, float]:
        """Ready for a manifest."""
        return {"weight": round(self.weight, 4), "sure": round(self.sure, 4)}


@dataclass(frozen=True)
class Floor:
    """From which cosine on the sentence nearest to a question is `quoted` as its answer, if the encoder alone decides.

    Between `asked` and that the customer is asked whether it is; below, nothing was found.
    """

    quoted: float = QUOTED
    asked: float = ASKED

    def row(self) -> dict[str, float]:
        """Ready for a manifest."""
        return {"quoted": round(self.quoted, 3), "asked": round(self.asked, 3)}


@dataclass(frozen=True)
class Constants:
    """All that depends on how an encoder's cosines are spread."""

    fusion: Fusion = Fusion()
    floor: Floor = Floor()


@dataclass(frozen=True)
class Cosines:
    """The mean cosine of two texts that belong together, and of two that do not; and how much the latter differ among
    each other for one text (their standard deviation).
    """

    belonging: float
    strange: float
    deviation: float

    @property
    def spread(self) -> float:
        return self.belonging - self.strange

    @property
    def separated(self) -> bool:
        """Whether belonging shows at all: else nothing can be told from these texts."""
        return self.spread >= _SEPARATED * self.deviation > 0


def scaled(ours: Cosines, reference: Cosines) -> Constants:
    """The constants for an encoder with these cosines, given the default encoder's of the same texts.

    Words weigh as much more as the encoder tells texts apart worse: by the variance of its cosines over their spread
    (Fisher's linear discriminant), within a factor of three. A straight line takes one's cosines to the other's, so
    that texts that belong together and texts that do not lie where they lie for the default encoder; the constants that
    are cosines, measured there, are taken back along it. Where either encoder separates the texts too little, the
    default encoder's are taken as they are.
    """
    if not (ours.separated and reference.separated):
        return Constants()
    slope = reference.spread / ours.spread

    def back(cosine: float) -> float:
        return ours.strange + (cosine - reference.strange) / slope

    noise, usual = (one.deviation**2 / one.spread for one in (ours, reference))
    weight = WEIGHT * min(3.0, max(1 / 3, noise / usual))
    return Constants(Fusion(weight, back(SURE)), Floor(back(QUOTED), back(ASKED)))


def fused(
    similarities: Mapping[int, float], bm25: Mapping[int, float], weight: float, complete: bool
) -> dict[int, float]:
    """One score for each row of `similarities`.

    `complete`: whether `bm25` holds every row that shares a word with the query. If not, one that it lacks has at most
    the least of these scores, and half of that is supposed.
    """
    supposed = 0.0 if complete or not bm25 else min(bm25.values()) / 2
    return {row: similarity + weight * bm25.get(row, supposed) for row, similarity in similarities.items()}
