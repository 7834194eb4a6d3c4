"""Measures against values worked out by hand, and against the same formulas written another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.evaluation.metrics import MEASURES, measures, ndcg, recall, reciprocal_rank

NAMES = [f"d{number}" for number in range(30)]


def test_a_ranking_worked_out_by_hand() -> None:
    grades = {"a": 2.0, "b": 1.0, "c": 1.0, "x": 0.0}
    found = measures(["x", "a", "y", "c"], grades)
    # Gains: 0/log2(2) + 2/log2(3) + 0/log2(4) + 1/log2(5); best: 2/log2(2) + 1/log2(3) + 1/log2(4).
    assert found["ndcg@10"] == pytest.approx((2 / 1.584963 + 1 / 2.321928) / (2 + 0.630930 + 0.5), abs=1e-5)
    assert found["recall@1"] == 0
    assert found["recall@5"] == found["recall@20"] == pytest.approx(2 / 3)
    assert found["mrr"] == 0.5
    assert tuple(found) == MEASURES


def test_the_best_order_is_one_and_finding_nothing_is_zero() -> None:
    grades = {"a": 3.0, "b": 1.0}
    assert measures(["a", "b", "z"], grades) == {
        "recall@1": 0.5,
        "recall@5": 1.0,
        "recall@20": 1.0,
        "ndcg@10": 1.0,
        "mrr": 1.0,
    }
    assert set(measures([], grades).values()) == set(measures(["z"], grades).values()) == {0.0}


def test_what_stands_below_the_cut_does_not_count_except_for_mrr() -> None:
    ranking = [*NAMES[:20], "a"]
    assert ndcg(ranking, {"a": 1}, 10) == recall(ranking, {"a": 1}, 20) == 0
    assert reciprocal_rank(ranking, {"a": 1}) == pytest.approx(1 / 21)


@given(
    st.lists(st.sampled_from(NAMES), unique=True, max_size=30),
    st.dictionaries(st.sampled_from(NAMES), st.integers(-1, 3), min_size=1).filter(lambda g: max(g.values()) > 0),
)
def test_measures_are_trec_evals(ranking: list[str], grades: dict[str, int]) -> None:
    gains = np.maximum([grades.get(name, 0) for name in ranking[:10]], 0)
    best = np.sort(np.maximum(list(grades.values()), 0))[::-1][:10]

    def discounts(n: int) -> np.ndarray:
        return 1 / np.log2(np.arange(2, n + 2))

    found = measures(ranking, grades)
    expected = float(gains @ discounts(len(gains))) / float(best @ discounts(len(best)))
    assert found["ndcg@10"] == pytest.approx(expected)
    relevant = np.array([grades.get(name, 0) > 0 for name in ranking], dtype=bool)
    total = sum(grade > 0 for grade in grades.values())
    for k in (1, 5, 20):
        assert found[f"recall@{k}"] == pytest.approx(relevant[:k].sum() / total)
    first = int(np.argmax(relevant)) + 1 if relevant.any() else math.inf
    assert found["mrr"] == pytest.approx(1 / first)
