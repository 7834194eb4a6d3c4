from __future__ import annotations

import pytest

from models.bench.throughput.serving import interval, most_at_once, serving_metrics
from models.bench.throughput.slo import Slo
from models.bench.throughput.traffic import Reply, token_gaps


def reply(tokens: int, ttft: float, chunks: list[tuple[float, int]], began: float = 0.0) -> Reply:
    seconds = chunks[-1][0]
    return Reply("", tokens, "stop", seconds, ttft, token_gaps(chunks), prompt_tokens=10, began=began)


def test_tokens_of_one_chunk_share_its_time() -> None:
    """Four tokens in two chunks: between chunks lie 0.3 s, between tokens 0.1."""
    assert token_gaps([(1.0, 1), (1.3, 4)]) == pytest.approx([0.1, 0.1, 0.1])
    assert token_gaps([(1.0, 2), (1.2, 3)]) == pytest.approx([0.0, 0.2])
    assert token_gaps([(1.0, 1)]) == token_gaps([]) == ()


def test_metrics_have_the_names_and_values_of_vllm_bench_serve() -> None:
    replies = [
        reply(5, 0.1, [(0.1, 1), (0.5, 5)]),
        reply(3, 0.2, [(0.2, 1), (0.6, 2), (1.0, 3)]),
        reply(1, 0.3, [(0.3, 1)]),
    ]
    found = serving_metrics(replies, 2.0, Slo.parse("ttft:250,tpot:100"))
    assert (found["completed"], found["total_input_tokens"], found["total_output_tokens"]) == (3, 30, 9)
    assert (found["output_throughput"], found["request_throughput"], found["total_token_throughput"]) == (
        4.5,
        1.5,
        19.5,
    )
    assert found["request_goodput"] == 0.5  # the second is too slow a token, the third too late
    assert (found["mean_ttft_ms"], found["median_ttft_ms"], found["p50_ttft_ms"]) == (200, 200, 200)
    assert found["p99_ttft_ms"] == pytest.approx(298)
    assert found["mean_tpot_ms"] == pytest.approx((100 + 400) / 2)  # a text of one token has none
    assert found["mean_itl_ms"] == pytest.approx((4 * 100 + 2 * 400) / 6)
    assert found["median_e2el_ms"] == pytest.approx(500)
    assert found["std_ttft_ms"] == pytest.approx(81.65, abs=0.01)


def test_percentiles_are_numpys() -> None:
    found = serving_metrics([reply(1, number / 100, [(number / 100, 1)]) for number in range(1, 102)], 1.0)
    assert [found[f"p{point}_ttft_ms"] for point in (50, 90, 95, 99)] == pytest.approx([510, 910, 960, 1000])
    assert found["request_goodput"] is None


def test_the_busiest_moment_is_found() -> None:
    one = [(0.5, 1)]
    assert most_at_once([reply(1, 0.5, one, began) for began in (0.0, 0.4, 0.45, 0.6)]) == 3


def test_an_interval_is_students() -> None:
    assert interval([10.0, 12.0, 14.0]) == pytest.approx([12 - 4.303 * 2 / 3**0.5, 12 + 4.303 * 2 / 3**0.5], abs=2e-3)
    assert interval([10.0]) is None
