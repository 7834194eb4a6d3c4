"""The table of `interlock bench decode`. Knows headings; the figures are models/bench/throughput's."""

from __future__ import annotations

from typing import Any

from rich.table import Table

COLUMNS = {
    "form": "form",
    "at once": "concurrency",
    "variant": "variant",
    "tok/s": "tok_per_s",
    "records/s": "records_per_s",
    "tokens": "tokens_per_answer",
    "steps/token": "steps_per_token",
    "accepted": "accepted",
    "drafted": "drafted",
    "TTFT ms": "ttft_p50_ms",
    "ITL p50": "itl_p50_ms",
    "p99": "itl_p99_ms",
    "valid": "valid",
    "of": "answers",
}
"""Heading → key of a cell in bench.json."""


def decode_table(summary: dict[str, Any]) -> Table:
    """One line a cell; empty where nothing was measured."""
    table = Table(title=f"Decoding, {summary['model']}, medians; latencies from streamed rounds")
    for heading in COLUMNS:
        left = heading in ("form", "variant")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in summary["cells"]:
        table.add_row(*(str(row.get(key, "")) for key in COLUMNS.values()))
    return table
