"""Maximal marginal relevance: passages that fit, and do not all say the same. Knows nothing of queries.

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
SIGIR 1998: next comes argmax (1 - diversity) · relevance - diversity · max cosine to what was taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.embedding import Vectors


def diverse(scores: Sequence[float], vectors: Vectors, k: int, diversity: float) -> list[int]:
    """The places of at most k candidates in the order they are taken.

    `scores`, n of them, are brought to 0 … 1 over the candidates, so that any scale will do; `vectors`: unit vectors of
    shape (n, dimensions). `diversity` from 0 (the order of scores) to 1. Of equals the earlier comes first.
    """
    if not len(scores):
        return []
    relevance = np.asarray(scores, dtype=np.float64)
    span = float(np.ptp(relevance))
    relevance = (relevance - relevance.min()) / span if span else np.ones_like(relevance)
    left = np.ones(len(relevance), dtype=bool)
    nearest = np.zeros(len(relevance))
    taken: list[int] = []
    while len(taken) < min(k, len(relevance)):
        worth = np.where(left, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(worth))
        left[best] = False
        taken.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return taken
