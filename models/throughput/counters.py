"""Counters: what a vLLM server has counted since it started, read from its Prometheus metrics. Knows their names."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass

_NAMES = (
    "iteration_tokens_total_count",
    "spec_decode_num_draft_tokens_total",
    "spec_decode_num_accepted_tokens_total",
    "prefix_cache_queries_total",
    "prefix_cache_hits_total",
)
_LINE = re.compile(rf"^vllm:({'|'.join(_NAMES)})(?:\{{.*\}})? (\S+)$", re.MULTILINE)


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
        """From Prometheus' text format; several engines are added up."""
        found = dict.fromkeys(_NAMES, 0)
        for name, value in _LINE.findall(metrics):
            found[name] += int(float(value))
        return cls(*found.values())

    def __sub__(self, earlier: Counters) -> Counters:
        return Counters(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


_TIMES = ("request_queue_time_seconds_sum", "request_prefill_time_seconds_sum", "request_decode_time_seconds_sum")
_TIME = re.compile(rf"^vllm:({'|'.join(_TIMES)})(?:\{{.*\}})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Times:
    """Seconds that all requests of a server together have waited, been read in (prefill), and been decoded."""

    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0

    @classmethod
    def read(cls, metrics: str) -> Times:
        """From Prometheus' text format; several engines are added up."""
        found = dict.fromkeys(_TIMES, 0.0)
        for name, value in _TIME.findall(metrics):
            found[name] += float(value)
        return cls(*found.values())

    def __sub__(self, earlier: Times) -> Times:
        return Times(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))
