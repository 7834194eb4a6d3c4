"""Measures of one ranking of documents against judgements. Knows nothing of passages or of searching.

As trec_eval and BEIR have them: a document is relevant when its grade is above 0; recall@k is the share of the relevant
documents among the first k; nDCG@10 (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM
TOIS 2002) has grade / log2(rank + 1) as the gain of a document, over the gain of the best possible order; MRR is one
over the rank of the first relevant document, 0 if there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

MEASURES = ("recall@1", "recall@5", "recall@20", "ndcg@10", "mrr")
DEEPEST = 20
"""Documents of a ranking that a measure other than MRR looks at."""


def measures(ranking: Sequence[str], grades: Mapping[str, float]) -> dict[str, float]:
    """Each of MEASURES. `ranking`: names of documents, best first, each once. `grades`: of a relevant one at least."""
    return {
        **{f"recall@{k}": recall(ranking, grades, k) for k in (1, 5, 20)},
        "ndcg@10": ndcg(ranking, grades, 10),
        "mrr": reciprocal_rank(ranking, grades),
    }


def recall(ranking: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant)


def ndcg(ranking: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    return _gain([max(0.0, grades.get(name, 0.0)) for name in ranking[:k]]) / _gain(best[:k])


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, float]) -> float:
    return next((1 / rank for rank, name in enumerate(ranking, start=1) if grades.get(name, 0) > 0), 0.0)


def _gain(grades: Sequence[float]) -> float:
    return math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
