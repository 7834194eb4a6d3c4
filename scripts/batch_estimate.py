"""The estimate of `interlock batch --dry-run`: what all of the rows would take, by a few of them. Keeps nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from pipeline import App, Launch, Requests, run_batch
from scripts.console import console, tell
from scripts.equipment import equipped

PROBED = 20
"""Rows that are answered for it."""


async def estimate(app: App, asked: Requests, launch: Launch) -> dict[str, object]:
    """What all of the rows would take, by a few of them, answered in a folder that is gone afterwards."""
    rows = asked.records
    asked.sample(PROBED)
    launch = replace(launch, ray="", shards=0)
    with tempfile.TemporaryDirectory() as folder:
        async with equipped(app, launch, Path(folder)) as equipment:
            summary = await run_batch(app, asked, Path(folder) / "out", equipment, launch, progress=tell)
    share = rows / summary.records
    seconds = summary.seconds * share
    console.print(
        f"{rows} rows can be answered, {asked.errors} are refused; by {summary.records} of them all take about"
        f" {seconds:,.0f} s ({seconds / 3600:.2f} hours of this engine).",
        markup=False,
    )
    return {
        "rows": rows,
        "refused": asked.errors,
        "probed": summary.records,
        "probed_failed": summary.statuses["failed"] + summary.statuses["escalated"],
        "seconds": round(seconds, 1),
        "engine_hours": round(seconds / 3600, 4),
        "tokens": {kind: round(number * share) for kind, number in summary.tokens.items()},
    }
