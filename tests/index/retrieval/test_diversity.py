from __future__ import annotations

import numpy as np
import pytest

from index import Retriever
from index.retrieval.diversity import diverse

TWINS = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)


def test_without_diversity_the_order_is_that_of_the_scores() -> None:
    assert diverse([3.0, 2.0, 1.0], TWINS, 3, 0.0) == [0, 1, 2]


def test_a_passage_that_repeats_another_waits_for_one_that_does_not() -> None:
    # After 0: its twin is worth 0.5 · 0.5 - 0.5 · 1 = -0.25, the third 0.5 · 0 - 0.5 · 0 = 0.
    assert diverse([3.0, 2.0, 1.0], TWINS, 3, 0.5) == [0, 2, 1]
    assert diverse([3.0, 2.0, 1.0], TWINS, 2, 0.5) == [0, 2]


def test_any_scale_of_scores_gives_the_same_order() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.random.default_rng(1).random(20)
    assert diverse(scores.tolist(), vectors, 10, 0.4) == diverse((50 * scores - 9).tolist(), vectors, 10, 0.4)


def test_nothing_and_equals_are_no_special_case() -> None:
    assert diverse([], np.zeros((0, 2), dtype=np.float32), 3, 0.5) == []
    assert diverse([1.0, 1.0], TWINS[:2], 2, 0.5) == [0, 1]


def test_a_search_with_diversity_finds_other_passages_of_the_same_best(retriever: Retriever) -> None:
    query = "What does it cost to change or cancel a ticket?"
    plain = retriever.search(query, 3)
    diversified = retriever.search(query, 3, diversity=0.9)
    assert plain[0].passage == diversified[0].passage
    assert [hit.passage for hit in plain] != [hit.passage for hit in diversified]
    with pytest.raises(ValueError, match="diversity must be from 0 to 1"):
        retriever.search(query, diversity=2)
