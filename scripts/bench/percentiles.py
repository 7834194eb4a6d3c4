"""Percentiles of latencies, by the nearest rank."""

from __future__ import annotations

from collections.abc import Collection


def percentiles(seconds: Collection[float]) -> dict[str, float]:
    """p50, p90, p99 and the longest (p100), in milliseconds; 0.0 of none."""
    ordered = sorted(seconds)
    return {
        f"p{share}": round(1_000 * ordered[max(0, -(-len(ordered) * share // 100) - 1)], 1) if ordered else 0.0
        for share in (50, 90, 99, 100)
    }
