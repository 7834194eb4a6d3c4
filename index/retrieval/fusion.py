"""How the similarity and the BM25 of a passage become one score. Knows nothing of where they come from.

    score = cosine + WEIGHT · max(1, (SURE / best cosine)²) · BM25 / Σ idf(word of the query)

BM25 divided by the query's whole rarity is the share of the query that the passage holds, counted in information: near
0 where people say the same in other words, and then the encoder decides; near 1 where the passage repeats the query.
Both are measured on a scale that is the same for all queries, which ranks (reciprocal rank fusion: Cormack, Clarke and
Büttcher, SIGIR 2009) and scores divided by the best found (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
Hybrid Retrieval", TOIS 2023) are not: these let a lexical search that found nothing of use outvote the encoder. Where
the encoder finds nothing near the query (a bare list of words, jargon), words count more. docs/benchmarks.md says how
the constants were measured; they are for the default encoder's cosines.
"""

from __future__ import annotations

from collections.abc import Mapping

WEIGHT = 0.6
SURE = 0.65
# Below this a best cosine says no more than that the encoder knows nothing.
_UNSURE = 0.1


def lexical_weight(rarity: float, best: float) -> float:
    """What one unit of BM25 adds to a cosine. `rarity`: Σ idf over the query's words, `best`: the best cosine."""
    return WEIGHT * max(1.0, SURE / max(best, _UNSURE)) ** 2 / rarity if rarity > 0 else 0.0


def fused(
    similarities: Mapping[int, float], bm25: Mapping[int, float], weight: float, complete: bool
) -> dict[int, float]:
    """One score for each row of `similarities`.

    `complete`: whether `bm25` holds every row that shares a word with the query. If not, one that it lacks has at most
    the least of these scores, and half of that is supposed.
    """
    supposed = 0.0 if complete or not bm25 else min(bm25.values()) / 2
    return {row: similarity + weight * bm25.get(row, supposed) for row, similarity in similarities.items()}
