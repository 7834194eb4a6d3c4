"""What a vLLM server counts is read by name, over all its engines, and compared with what it counted before."""

from __future__ import annotations

import pytest

from models.bench.throughput.counters import Counters, Times

# In the form of vLLM's own: two engines of one server, a bucket and a name that begins like a wanted one.
METRICS = """\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens {all}.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="a \\"quoted} 9\\" model"} 100.0
vllm:prefix_cache_queries_total{engine="1",model_name="a \\"quoted} 9\\" model"} 1.5e+03
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0"} 64.0
# TYPE vllm:iteration_tokens_total histogram
vllm:iteration_tokens_total_bucket{engine="0",le="1.0"} 7.0
vllm:iteration_tokens_total_count{engine="0"} 12.0
vllm:iteration_tokens_total_sum{engine="0"} 345.0
# TYPE vllm:spec_decode_num_draft_tokens_total counter
vllm:spec_decode_num_draft_tokens_total{engine="0"} 8.0
# TYPE vllm:spec_decode_num_accepted_tokens_total counter
vllm:spec_decode_num_accepted_tokens_total{engine="0"} 5.0
# TYPE vllm:spec_decode_num_accepted_tokens_per_pos_total counter
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="0"} 4.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_sum{engine="0"} 0.25
vllm:request_queue_time_seconds_sum{engine="1"} 0.5
# TYPE vllm:request_decode_time_seconds histogram
vllm:request_decode_time_seconds_sum{engine="0"} 2.0
"""


def test_tokens_and_steps_are_whole_numbers_over_all_engines() -> None:
    counted = Counters.read(METRICS)
    assert counted == Counters(steps=12, drafted=8, accepted=5, prompt=1600, cached=64)
    assert all(isinstance(count, int) for count in vars(counted).values())
    assert counted - Counters(steps=2, cached=64) == Counters(steps=10, drafted=8, accepted=5, prompt=1600, cached=0)


def test_times_are_seconds_over_all_engines_and_0_where_nothing_is_said() -> None:
    spent = Times.read(METRICS)
    assert spent == Times(queue=0.75, prefill=0.0, decode=2.0)
    assert spent - Times(queue=0.25) == Times(queue=0.5, prefill=0.0, decode=2.0)


@pytest.mark.parametrize("text", ["", "python_gc_objects_collected_total 12.0\n"])
def test_another_server_has_counted_nothing(text: str) -> None:
    assert Counters.read(text) == Counters()
    assert Times.read(text) == Times()
