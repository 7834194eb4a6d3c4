"""Findings: medians, spreads and intervals of the rounds, one row for each cell of the table. Knows arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, median
from typing import Any

from models.bench.throughput.arena import Round
from models.bench.throughput.load import Load
from models.bench.throughput.serving import interval, latencies, serving_metrics
from models.bench.throughput.slo import Slo

SPREAD = (
    *("output_throughput", "request_throughput", "request_goodput"),
    *(f"{point}_{name}_ms" for name in ("ttft", "tpot", "itl", "e2el") for point in ("mean", "median", "p99")),
)
"""What has a 95 % interval over rounds."""


def rows(rounds: Sequence[Round], slo: Slo | None = None, gpus: int | None = None) -> list[dict[str, Any]]:
    """One row a cell, in the order of their first round, keyed as the result file of `vllm bench serve`.

    Throughputs are medians over the rounds of whole answers, or over all where all were streamed; slowest, fastest and
    each round's are its output_throughput. Latencies, in ms, are those of all streamed rounds together. `gpus`: how
    many the server uses, None where that is not known: then output_throughput_per_gpu is None, "not measured".
    """
    cells: dict[tuple[str, Load, str], list[Round]] = {}
    for one in rounds:
        cells.setdefault((*one.cell, one.variant), []).append(one)
    return [
        {"form": form, **load.named, "variant": variant, **_row(found, slo, gpus)}
        for (form, load, variant), found in cells.items()
    ]


def paired_ratios(rounds: Iterable[Round], above: str, below: str) -> dict[tuple[str, Load], list[float]]:
    """(form, load) → tok/s of variant `above` ÷ those of `below`, one for each round that has both.

    Streamed rounds count only where a cell has no other.
    """
    speeds: dict[tuple[str, Load, str, bool], list[float]] = {}
    for one in rounds:
        speeds.setdefault((*one.cell, one.variant, one.streamed), []).append(one.tokens / one.seconds)
    return {
        (form, load): [fast / slow for fast, slow in zip(found, other, strict=False)]
        for (form, load, variant, streamed), found in speeds.items()
        if variant == above and (other := speeds.get((form, load, below, streamed)))
        if not streamed or (form, load, variant, False) not in speeds
    }


def by_load(ratios: dict[tuple[str, Load], list[float]]) -> dict[str, float]:
    """Load → the median over all forms and rounds. A load of so many at once, and nothing else, is that number."""
    found: dict[str, list[float]] = {}
    for (_, load), each in ratios.items():
        plain = load == Load(load.concurrency) and not load.is_open
        found.setdefault(str(load.concurrency if plain else load), []).extend(each)
    return {load: round(median(each), 3) for load, each in found.items()}


def _row(rounds: list[Round], slo: Slo | None, gpus: int | None) -> dict[str, Any]:
    whole = [one for one in rounds if not one.streamed] or rounds
    streamed = [one for one in rounds if one.streamed]
    speeds = [one.tokens / one.seconds for one in whole]
    tokens = sum(one.tokens for one in rounds)
    answers = sum(len(one.answered) for one in rounds)
    counted = [one.counted for one in rounds]
    drafted, accepted = sum(one.drafted for one in counted), sum(one.accepted for one in counted)
    prompt = sum(one.prompt for one in counted)
    throughput = round(median(speeds), 1)
    figures = [serving_metrics(one.replies, one.seconds, slo) for one in streamed]
    joules = [one.watts * one.seconds / one.tokens for one in rounds if one.watts is not None]
    replies = [reply for one in streamed for reply in one.replies]
    asked = sum(len(one.replies) for one in rounds)
    return {
        "rounds": len(rounds),
        "completed": answers,
        "failed": asked - answers,
        "constrained": sum(one.constrained for one in rounds),
        "valid": sum(one.valid for one in rounds),
        "identical": sum(one.identical for one in rounds),
        "total_input_tokens": sum(reply.prompt_tokens for one in rounds for reply in one.replies),
        "total_output_tokens": tokens,
        "tokens_per_answer": round(tokens / answers, 1),
        "output_throughput": throughput,
        "slowest": round(min(speeds), 1),
        "fastest": round(max(speeds), 1),
        "each_output_throughput": [round(speed, 1) for speed in speeds],
        "output_throughput_per_gpu": round(throughput / gpus, 1) if gpus else None,
        "joules_per_token": round(mean(joules), 3) if joules else None,
        "request_throughput": round(median(len(one.answered) / one.seconds for one in whole), 3),
        "total_token_throughput": round(median(_all_tokens(one) / one.seconds for one in whole), 1),
        "steps": sum(one.steps for one in counted),
        # A sequence's own: what it takes part in, whatever the size of the batch.
        "steps_per_token": round((tokens - accepted) / tokens, 3),
        "drafted": drafted,
        "accepted": accepted,
        "accepted_share": round(accepted / tokens, 3),
        "prefix_hits": round(sum(one.cached for one in counted) / prompt, 3) if prompt else 0.0,
        **({"request_goodput": round(median(one["request_goodput"] for one in figures), 3)} if slo and figures else {}),
        **({"slo_attainment": round(slo.attainment(replies), 4)} if slo and replies else {}),
        **(latencies([reply for reply in replies if not reply.error]) if replies else {}),
        "each": {key: [round(one[key], 3) for one in figures] for key in _spread(figures)},
        "intervals": {
            "output_throughput": interval(speeds),
            **{key: interval(one[key] for one in figures) for key in _spread(figures) if key != "output_throughput"},
        },
    }


def _spread(figures: Sequence[dict[str, Any]]) -> list[str]:
    return [key for key in SPREAD if figures and all(one.get(key) is not None for one in figures)]


def _all_tokens(one: Round) -> int:
    return one.tokens + sum(reply.prompt_tokens for reply in one.replies)
