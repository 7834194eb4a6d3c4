"""Counters: what a vLLM server has counted since it started, read from its Prometheus metrics. Knows their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

_COUNTED = (
    "vllm:iteration_tokens_total_count",
    "vllm:spec_decode_num_draft_tokens_total",
    "vllm:spec_decode_num_accepted_tokens_total",
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_hits_total",
)
_TIMED = (
    "vllm:request_queue_time_seconds_sum",
    "vllm:request_prefill_time_seconds_sum",
    "vllm:request_decode_time_seconds_sum",
)


@dataclass(frozen=True)
class Counters:
    """`steps`: forward passes of the whole batch; the others are tokens: drafted, accepted drafts, tokens of prompts,
    and those of them found in the prefix cache."""

    steps: int = 0
    drafted: int = 0
    accepted: int = 0
    prompt: int = 0
    cached: int = 0

    @classmethod
    def read(cls, metrics: str) -> Counters:
        """From Prometheus' text format; several engines are added up. Raises ValueError for another format."""
        return cls(*map(int, _totals(metrics, _COUNTED)))

    def __sub__(self, earlier: Counters) -> Counters:
        return Counters(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


@dataclass(frozen=True)
class Times:
    """Seconds that all requests of a server together have waited, been read in (prefill), and been decoded."""

    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0

    @classmethod
    def read(cls, metrics: str) -> Times:
        """As `Counters.read`."""
        return cls(*_totals(metrics, _TIMED))

    def __sub__(self, earlier: Times) -> Times:
        return Times(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


def _totals(metrics: str, names: Sequence[str]) -> list[float]:
    """What a server says of each name, over all its engines; 0 where it says nothing."""
    from prometheus_client.parser import text_string_to_metric_families  # brings an HTTP server, and is rarely needed

    found = dict.fromkeys(names, 0.0)
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in found:
                found[sample.name] += sample.value
    return list(found.values())
