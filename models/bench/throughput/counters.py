"""Counters: what a vLLM server has counted since it started, read from its Prometheus metrics. Knows their names."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

from models.engines.prometheus import totals


@dataclass(frozen=True)
class _Counted:
    """Each field holds the total of the metric at the same place in `_NAMES`, in the type of its default."""

    _NAMES: ClassVar[tuple[str, ...]]

    @classmethod
    def read(cls, metrics: str) -> Self:
        """From Prometheus' text format; several engines are added up, and what is not counted is 0."""
        found, nothing = totals(metrics, cls._NAMES), cls()
        places = zip(fields(cls), cls._NAMES, strict=True)
        counted = {field.name: type(getattr(nothing, field.name))(found.get(name, 0)) for field, name in places}
        return replace(nothing, **counted)

    def __sub__(self, earlier: Self) -> Self:
        left = {field.name: getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)}
        return replace(self, **left)


@dataclass(frozen=True)
class Counters(_Counted):
    """`steps`: forward passes of the whole batch; the others are tokens: drafted, accepted drafts, tokens of prompts,
    and those of them found in the prefix cache."""

    _NAMES = (
        "vllm:iteration_tokens_total_count",
        "vllm:spec_decode_num_draft_tokens_total",
        "vllm:spec_decode_num_accepted_tokens_total",
        "vllm:prefix_cache_queries_total",
        "vllm:prefix_cache_hits_total",
    )
    steps: int = 0
    drafted: int = 0
    accepted: int = 0
    prompt: int = 0
    cached: int = 0


@dataclass(frozen=True)
class Times(_Counted):
    """Seconds that all requests of a server together have waited, been read in (prefill), and been decoded."""

    _NAMES = (
        "vllm:request_queue_time_seconds_sum",
        "vllm:request_prefill_time_seconds_sum",
        "vllm:request_decode_time_seconds_sum",
    )
    queue: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
