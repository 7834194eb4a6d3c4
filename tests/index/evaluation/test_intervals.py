from __future__ import annotations

import numpy as np
import pytest

from index.evaluation.intervals import compare, interval


def test_an_interval_is_that_of_the_normal_distribution_for_many_queries() -> None:
    values = np.random.default_rng(1).normal(0.6, 0.3, 800)
    low, high = interval(values.tolist())
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.004)
    assert interval(values.tolist()) == (low, high)


def test_values_that_are_all_equal_leave_no_doubt() -> None:
    assert interval([0.25] * 7) == (0.25, 0.25)


def test_a_small_gain_on_every_query_is_certain_however_hard_the_queries_are() -> None:
    hard = np.random.default_rng(2).random(200)
    found = compare(hard.tolist(), (hard + 0.01).tolist())
    assert found.mean == pytest.approx(0.01)
    assert found.low == pytest.approx(0.01)
    assert found.high == pytest.approx(0.01)
    assert found.p == 0


def test_no_difference_is_said_to_be_none_nineteen_times_in_twenty() -> None:
    assert compare([0.5, 1.0], [0.5, 1.0]).p == 1
    draw = np.random.default_rng(3)
    found = [compare(draw.random(200).tolist(), draw.random(200).tolist()) for _ in range(40)]
    assert sum(one.low < 0 < one.high for one in found) >= 35
    assert sum(one.p > 0.05 for one in found) >= 35
