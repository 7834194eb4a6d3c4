from __future__ import annotations

from itertools import pairwise
from math import inf
from statistics import mean, pstdev

import pytest

from models.bench.throughput.load import Load, arrivals


def gaps(burstiness: float) -> list[float]:
    times = arrivals(4000, Load(None, 8.0, burstiness), seed=1)
    return [after - before for before, after in pairwise(times)]


def test_arrivals_keep_the_rate_and_are_the_same_for_the_same_seed() -> None:
    load = Load(None, 8.0)
    times = arrivals(400, load, seed=1)
    assert times == sorted(times)
    assert times[-1] == pytest.approx(50.0)
    assert times == arrivals(400, load, seed=1) != arrivals(400, load, seed=2)


@pytest.mark.parametrize(("burstiness", "variation"), [(1.0, 1.0), (0.25, 2.0), (4.0, 0.5)])
def test_burstiness_is_the_shape_of_the_gamma_distribution(burstiness: float, variation: float) -> None:
    """Whose coefficient of variation is 1 ÷ √shape: that of a Poisson process is 1."""
    each = gaps(burstiness)
    assert pstdev(each) / mean(each) == pytest.approx(variation, rel=0.08)


def test_an_infinite_rate_sends_all_at_once() -> None:
    assert arrivals(3, Load(None, inf), seed=1) == [0.0, 0.0, 0.0]
    assert arrivals(0, Load(None, 1.0), seed=1) == []


@pytest.mark.parametrize(("mix", "constrained"), [(0.0, 0), (0.3, 3), (0.5, 5), (1.0, 10)])
def test_the_mix_is_spread_evenly(mix: float, constrained: int) -> None:
    load = Load(8, mix=mix)
    assert sum(load.constrains(place) for place in range(10)) == constrained
    assert sum(load.constrains(place) for place in range(100)) == 10 * constrained


def test_a_load_says_what_it_is() -> None:
    assert str(Load(8)) == "8 at once"
    assert str(Load(None, 4.0, mix=0.5)) == "4 a second, 50% constrained"
    assert str(Load(2, inf)) == "2 at once"
    assert str(Load(2, 4.0)) == "4 a second, 2 at once"
    assert str(Load(None)) == "all at once"
