"""The summary of a batch, for people."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline import Requests, Summary
from pipeline.text import short
from scripts.console import console
from scripts.inspect import ending

SHOWN = 2
"""Examples shown for each status."""


def show(summary: Summary, requests: Requests | None, out: Path) -> None:
    """Print what a run did: counts by status and intent, and a few requests with what became of them."""
    shown = _examples(out / "results.jsonl")
    texts = {} if requests is None else requests.texts({row["custom_id"] for rows in shown.values() for row in rows})
    examples = {
        status: [
            f"“{short(_line(texts[row['custom_id']]), 100)}”\n→ {short(_line(ending(row)), 150)}"
            for row in rows
            if row["custom_id"] in texts
        ]
        for status, rows in shown.items()
    }
    table = Table(title=Text(f"{summary.records} records in {out}"), title_justify="left", show_lines=True)
    for heading in ("Status", "Records", "For example"):
        table.add_column(heading, justify="right" if heading == "Records" else "left")
    for status, count in summary.statuses.items():
        table.add_row(status.replace("_", " "), str(count), Text("\n".join(examples.get(status, []))))
    console.print(table)
    intents = ", ".join(f"{intent} {count}" for intent, count in summary.intents.items())
    console.print(f"Intents: {intents}.", markup=False)
    if not summary.finished:
        console.print(f"All of them were done before; {out / 'results.jsonl'} is as it was.", markup=False)
        return
    rate, share = summary.finished / summary.seconds, 1 - summary.engine_seconds / summary.seconds
    console.print(
        f"{summary.finished} records in {summary.seconds:.1f} s ({rate:.1f}/s, {share:.0%} of it outside the engine);"
        f" tokens: {summary.tokens['prompt']} prompt, {summary.tokens['completion']} completion."
        f" Results: {out / 'results.jsonl'}",
        markup=False,
    )


def _examples(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The first few rows of each status, those with a result before others."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    with results.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            rows = found[row["status"]]
            rows.append(row)
            rows.sort(key=lambda row: (row["result"] is None, row["custom_id"]))
            del rows[SHOWN:]
    return found


def _line(text: str) -> str:
    return " ".join(text.split())
