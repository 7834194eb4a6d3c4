"""A run that another process works on, watched from a second terminal until it ends. Reads; is never in its way."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipeline.batch.summary import Tally
from pipeline.batch.watching import Watching
from scripts.console import console

SECONDS = 0.5
"""Between two looks."""
IDLE = 3
"""Looks in a row at which nobody works, after which a run has ended: between two shards there is such a moment."""
WINDOW = 10.0
"""Seconds of which a rate is told."""


def follow(out: Path) -> dict[str, Any]:
    """Show how far a run is until no process works on it any more; what became of its rows. UsageError."""
    watching, idle = Watching(out), 0
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    looks: deque[tuple[float, Tally]] = deque()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        while True:
            works, now = watching.works, time.monotonic()  # first: what was written before it ended is seen
            tally = watching.look()
            done, expected = tally.statuses.total(), watching.expected
            looks.append((now, tally))
            while now - looks[0][0] > WINDOW:
                looks.popleft()
            told = _told(looks, done, expected)
            bar.update(task, completed=done, total=max(done, expected or done), description=told)
            idle = 0 if works else idle + 1
            if idle == IDLE:
                break
            if not console.is_terminal:
                console.print(f"{done} of {expected or '?'}: {told}", markup=False)
            time.sleep(SECONDS)
    console.print(f"Nobody works in {out} now: {_statuses(tally)}.", markup=False)
    return {"records": done, "expected": expected, "statuses": dict(tally.statuses), "tokens": dict(tally.tokens)}


def _told(looks: deque[tuple[float, Tally]], done: int, expected: int | None) -> str:
    (since, before), (now, tally) = looks[0], looks[-1]
    took = now - since
    rows = max(done - before.statuses.total(), 0) / took if took else 0.0
    tokens = max(tally.tokens["completion"] - before.tokens["completion"], 0) / took if took else 0.0
    parts = [f"{rows:.1f} rows/s", f"{tokens:,.0f} tokens/s", _statuses(tally)]
    if expected is not None and rows:
        left = max(expected - done, 0) / rows
        parts.insert(2, f"{left // 3600:.0f}:{left // 60 % 60:02.0f}:{left % 60:02.0f} left")
    return ", ".join(parts)


def _statuses(tally: Tally) -> str:
    counts = [f"{number:,} {status.replace('_', ' ')}" for status, number in tally.statuses.most_common()]
    return ", ".join(counts) or "nothing yet"
