"""Findings: medians and spreads of the rounds, one row for each cell of the table. Knows arithmetic only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median, quantiles
from typing import Any

from models.bench.throughput.arena import Round


def rows(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """One row a cell, in the order of their first round. Seconds are given in milliseconds, shares from 0 to 1.

    tok_per_s, records_per_s: medians over the rounds of whole answers; slowest, fastest and each round's are its
    tok_per_s. TTFT, TPOT (the time after the first chunk by the tokens after the first) and ITL (between chunks) come
    from streamed rounds.
    """
    cells: dict[tuple[str, int, str], list[Round]] = {}
    for one in rounds:
        cells.setdefault((one.form, one.concurrency, one.variant), []).append(one)
    return [{"form": f, "concurrency": c, "variant": v, **_row(found)} for (f, c, v), found in cells.items()]


def paired_ratios(rounds: Iterable[Round], above: str, below: str) -> dict[tuple[str, int], list[float]]:
    """(form, concurrency) → tok/s of variant `above` ÷ those of `below`, one for each round that has both."""
    speeds: dict[tuple[str, str, int], list[float]] = {}
    for one in rounds:
        if not one.streamed:
            speeds.setdefault((one.variant, one.form, one.concurrency), []).append(one.tokens / one.seconds)
    return {
        (form, concurrency): [fast / slow for fast, slow in zip(found, other, strict=False)]
        for (variant, form, concurrency), found in speeds.items()
        if variant == above and (other := speeds.get((below, form, concurrency)))
    }


def by_concurrency(ratios: dict[tuple[str, int], list[float]]) -> dict[int, float]:
    """Concurrency → the median over all forms and rounds."""
    found: dict[int, list[float]] = {}
    for (_, concurrency), each in ratios.items():
        found.setdefault(concurrency, []).extend(each)
    return {concurrency: round(median(each), 3) for concurrency, each in sorted(found.items())}


def _row(rounds: list[Round]) -> dict[str, Any]:
    whole = [one for one in rounds if not one.streamed] or rounds
    speeds = [one.tokens / one.seconds for one in whole]
    tokens = sum(one.tokens for one in rounds)
    answers = sum(len(one.replies) for one in rounds)
    counted = [one.counted for one in rounds]
    drafted, accepted = sum(one.drafted for one in counted), sum(one.accepted for one in counted)
    prompt = sum(one.prompt for one in counted)
    return {
        "rounds": len(rounds),
        "answers": answers,
        "valid": sum(one.valid for one in rounds),
        "identical": sum(one.identical for one in rounds),
        "tokens_per_answer": round(tokens / answers, 1),
        "tok_per_s": round(median(speeds), 1),
        "slowest": round(min(speeds), 1),
        "fastest": round(max(speeds), 1),
        "each_tok_per_s": [round(speed, 1) for speed in speeds],
        "records_per_s": round(median(len(one.replies) / one.seconds for one in whole), 3),
        "steps": sum(one.steps for one in counted),
        # A sequence's own: what it takes part in, whatever the size of the batch.
        "steps_per_token": round((tokens - accepted) / tokens, 3),
        "drafted": drafted,
        "accepted": accepted,
        "accepted_share": round(accepted / tokens, 3),
        "prefix_hits": round(sum(one.cached for one in counted) / prompt, 3) if prompt else 0.0,
        **_latency([reply for one in rounds if one.streamed for reply in one.replies]),
    }


def _latency(replies: Sequence[Any]) -> dict[str, float]:
    firsts = [reply.first for reply in replies if reply.first is not None]
    gaps = [gap for reply in replies for gap in reply.gaps]
    per_token = [
        (reply.seconds - reply.first) / (reply.tokens - 1)
        for reply in replies
        if reply.first is not None and reply.tokens > 1
    ]
    measured = {"ttft": firsts, "itl": gaps, "tpot": per_token}
    return {
        f"{name}_{label}_ms": round(1000 * value, 2)
        for name, values in measured.items()
        if values
        for label, value in (("p50", median(values)), ("p99", _p99(values)))
    }


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]
