"""Serving metrics: the figures of one round under the names that `vllm bench serve` writes them. Arithmetic only.

What differs: an inter-token latency (ITL) is a token's, not a chunk's: where a step yields several tokens, as
jump-forward's do, each of them gets its share of the time since the chunk before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from models.bench.throughput.slo import Slo
from models.bench.throughput.traffic import Reply

PERCENTILES = (50, 90, 95, 99)


def serving_metrics(replies: Sequence[Reply], seconds: float, slo: Slo | None = None) -> dict[str, Any]:
    """Metrics of streamed `replies` that took `seconds` in all, keyed as in the result file of `vllm bench serve`:
    those that failed are counted, and are in no other figure.

    Throughputs are per second, latencies in milliseconds. request_goodput: replies that kept `slo`, a second.
    """
    done = [reply for reply in replies if not reply.error]
    prompt, output = sum(reply.prompt_tokens for reply in done), sum(reply.tokens for reply in done)
    good = None if slo is None else sum(map(slo.met, replies)) / seconds
    return {
        "duration": seconds,
        "completed": len(done),
        "failed": len(replies) - len(done),
        "total_input_tokens": prompt,
        "total_output_tokens": output,
        "request_throughput": len(done) / seconds,
        "request_goodput": good,
        "output_throughput": output / seconds,
        "total_token_throughput": (prompt + output) / seconds,
        "max_concurrent_requests": most_at_once(replies),
        **latencies(done),
    }


def latencies(replies: Sequence[Reply]) -> dict[str, float]:
    """mean_, median_, std_ and p50_ … p99_ of ttft, tpot, itl and e2el, in ms; nothing of what was not streamed."""
    measured: dict[str, list[float]] = {
        "ttft": [reply.ttft for reply in replies if reply.ttft is not None],
        "tpot": [reply.tpot for reply in replies if reply.tpot is not None and reply.tokens > 1],
        "itl": [gap for reply in replies for gap in reply.itl],
        "e2el": [reply.seconds for reply in replies],
    }
    found: dict[str, float] = {}
    for name, seconds in measured.items():
        if seconds:
            values = 1000 * np.asarray(seconds)
            points = zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
            named = [("mean", values.mean()), ("median", np.median(values)), ("std", values.std())]
            named += [(f"p{point}", value) for point, value in points]
            found |= {f"{label}_{name}_ms": round(float(value), 3) for label, value in named}
    return found


def most_at_once(replies: Sequence[Reply]) -> int:
    """How many requests were under way at the busiest moment."""
    begun = [(reply.began, 1) for reply in replies]
    ended = [(reply.began + reply.seconds, -1) for reply in replies]
    under_way = most = 0
    for _, step in sorted([*begun, *ended]):
        under_way += step
        most = max(most, under_way)
    return most


def interval(values: Iterable[float]) -> list[float] | None:
    """95 % interval of the mean of rounds, by Student's t; None for fewer than two of them."""
    each = np.asarray(list(values))
    if len(each) < 2:
        return None
    from scipy.stats import t  # type: ignore[import-untyped]  # half a second

    half = float(t.ppf(0.975, len(each) - 1)) * float(each.std(ddof=1)) / sqrt(len(each))
    # What is measured is a time or a rate: below 0 there is nothing.
    return [round(max(0.0, float(each.mean()) - half), 3), round(float(each.mean()) + half, 3)]
