"""The summary of a batch, for people."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from rich.table import Table

from pipeline import Summary
from scripts.console import console

SHOWN = 2
"""Examples shown for each status."""


def show(summary: Summary, out: Path) -> None:
    """Print what a run did: counts by status and intent, and a few results beside nothing but themselves."""
    examples: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if len(examples[row["status"]]) < SHOWN:
            examples[row["status"]].append(row)
    table = Table(title=f"{summary.records} records in {out}", title_justify="left", show_lines=True)
    for heading in ("Status", "Records", "For example"):
        table.add_column(heading, justify="right" if heading == "Records" else "left")
    for status, count in summary.statuses.items():
        table.add_row(status.replace("_", " "), str(count), "\n".join(map(_line, examples[status])))
    console.print(table)
    intents = ", ".join(f"{intent} {count}" for intent, count in summary.intents.items())
    console.print(f"Intents: {intents}", markup=False)
    rate = summary.finished / summary.seconds if summary.seconds else 0.0
    share = 1 - summary.engine_seconds / summary.seconds if summary.seconds else 0.0
    console.print(
        f"{summary.finished} records in {summary.seconds:.1f} s ({rate:.1f}/s, {share:.0%} of it outside the engine),"
        f" {summary.tokens['prompt']} prompt and {summary.tokens['completion']} completion tokens.",
        markup=False,
    )


def _line(row: dict[str, object]) -> str:
    for name in ("result", "question", "escalation", "error"):
        if row.get(name) is not None:
            return f"{row['custom_id']}: {json.dumps(row[name], ensure_ascii=False)}"[:160]
    return str(row["custom_id"])
