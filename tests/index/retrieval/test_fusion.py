from __future__ import annotations

import pytest

from index.retrieval.fusion import QUOTED, SURE, WEIGHT, Constants, Cosines, Fusion, fused, scaled

lexical_weight = Fusion().lexical_weight


def test_a_passage_that_holds_the_whole_query_gains_the_same_for_every_query() -> None:
    for rarity in (0.5, 8.0, 120.0):
        assert lexical_weight(rarity, 0.9) * rarity == pytest.approx(WEIGHT)


def test_words_count_more_where_the_encoder_finds_nothing_near() -> None:
    assert lexical_weight(10, SURE / 2) == pytest.approx(4 * WEIGHT / 10)
    assert lexical_weight(10, -1.0) == lexical_weight(10, 0.0) < 3
    assert lexical_weight(0.0, 0.5) == 0


def test_scores_worked_out_by_hand() -> None:
    assert fused({1: 0.5, 2: 0.4, 3: 0.6}, {1: 2.0, 2: 4.0}, 0.1, complete=True) == pytest.approx(
        {1: 0.7, 2: 0.8, 3: 0.6}
    )


def test_of_a_passage_below_the_words_found_half_of_the_least_is_supposed() -> None:
    assert fused({1: 0.5, 3: 0.6}, {1: 2.0}, 0.1, complete=False) == pytest.approx({1: 0.7, 3: 0.7})
    assert fused({3: 0.6}, {}, 0.1, complete=False) == {3: 0.6}


def test_another_encoders_constants_put_the_same_passage_first() -> None:
    """Cosines that are a straight line away from the default encoder's are fused to the same order."""
    plain, other = Cosines(0.6, 0.1, 0.1), Cosines(0.9, 0.7, 0.04)
    constants = scaled(other, plain)
    fusion = constants.fusion
    slope = (0.9 - 0.7) / (0.6 - 0.1)
    assert fusion.weight == pytest.approx(WEIGHT * slope)
    assert fusion.sure == pytest.approx(0.7 + (SURE - 0.1) * slope)
    near = {1: 0.7, 2: 0.66, 3: 0.4}
    moved = {row: 0.7 + (cosine - 0.1) * slope for row, cosine in near.items()}
    bm25 = {2: 3.0, 3: 9.0}
    one = fused(near, bm25, Fusion().lexical_weight(10, 0.7), complete=True)
    same = fused(moved, bm25, fusion.lexical_weight(10, moved[1]), complete=True)
    assert sorted(one, key=lambda row: one[row]) == sorted(same, key=lambda row: same[row])
    assert constants.floor.quoted == pytest.approx(0.7 + (QUOTED - 0.1) * slope)


def test_an_encoder_that_tells_texts_apart_worse_gives_words_more_weight_and_another_changes_nothing() -> None:
    plain = Cosines(0.6, 0.1, 0.1)
    assert scaled(Cosines(0.6, 0.1, 0.12), plain).fusion.weight == pytest.approx(WEIGHT * 1.44)
    assert scaled(Cosines(0.6, 0.1, 0.2), plain).fusion.weight == pytest.approx(WEIGHT * 3)
    assert scaled(Cosines(0.3, 0.3, 0.1), plain) == Constants()
    assert scaled(Cosines(0.30, 0.25, 0.1), plain) == Constants()  # by chance alone
    assert scaled(Cosines(0.9, 0.1, 0.1), Cosines(0.23, 0.22, 0.1)) == Constants()
