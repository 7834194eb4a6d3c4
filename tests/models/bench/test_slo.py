from __future__ import annotations

from math import inf

import pytest

from models.bench.throughput.slo import Slo, highest_rate
from models.bench.throughput.traffic import Reply
from models.errors import ModelNotFound


def test_a_reply_has_to_keep_every_limit() -> None:
    level = Slo.parse("ttft:500, tpot:30")
    assert level.met(Reply("", 11, "stop", 0.79, ttft=0.5))
    assert not level.met(Reply("", 11, "stop", 0.81, ttft=0.5))
    assert not level.met(Reply("", 11, "stop", 0.6, ttft=0.51))
    assert level.met(Reply("", 1, "stop", 0.5, ttft=0.5))
    assert not Slo.parse("e2el:100").met(Reply("", 1, "stop", 0.101, ttft=0.05))
    assert level.attainment([Reply("", 1, "stop", 0.5, ttft=at) for at in (0.1, 0.2, 0.9, 0.3)]) == 0.75


@pytest.mark.parametrize(
    "text", ["", "ttft", "ttft:", "ttft:x", "ttft:0", "ttft:nan", "itl:3", "ttft:1,ttft:2", "ttft=1"]
)
def test_what_is_no_service_level_is_named(text: str) -> None:
    with pytest.raises(ModelNotFound, match="is no service level"):
        Slo.parse(text)


@pytest.mark.parametrize(("limit", "found"), [(3.0, 3.0), (7.9, 7.75), (0.3, 0.25), (8.5, 7.75), (0.1, None)])
async def test_the_highest_rate_is_found_by_halving(limit: float, found: float | None) -> None:
    """A server that keeps the level up to `limit` a second, and answers eight a second when all come at once."""
    tried: list[float] = []

    async def attained(rate: float) -> float:
        tried.append(rate)
        return 0.95 if rate <= limit else 0.5

    assert await highest_rate(attained, capacity=8.0, wanted=0.9, steps=5) == found
    assert len(tried) == 6


async def test_a_server_that_keeps_it_with_all_at_once_has_no_highest_rate() -> None:
    async def attained(rate: float) -> float:
        return 1.0

    assert await highest_rate(attained, capacity=8.0, wanted=0.9, steps=5) == inf
