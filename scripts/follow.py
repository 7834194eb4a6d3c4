"""A run that another process works on, watched from a second terminal until it ends. Reads; is never in its way."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipeline.batch.summary import Tally
from pipeline.batch.watching import Watching
from scripts.console import console
from scripts.progress import progress_bar

SECONDS = 0.5
"""Between two looks."""
IDLE = 3
"""Looks in a row at which nobody works, after which a run has ended: between two shards there is such a moment."""
WINDOW = 10.0
"""Seconds of which tokens a second are told."""


def follow(out: Path) -> dict[str, Any]:
    """Show how far a run is until no process works on it any more; what became of its rows. UsageError."""
    watching, idle = Watching(out), 0
    looks: deque[tuple[float, int]] = deque()
    with progress_bar() as bar:
        task = bar.add_task("", total=None, completed=watching.look().statuses.total())
        while True:
            works, now = watching.works, time.monotonic()  # first: what was written before it ended is seen
            tally = watching.look()
            done, expected = tally.statuses.total(), watching.expected
            looks.append((now, tally.tokens["completion"]))
            while now - looks[0][0] > WINDOW:
                looks.popleft()
            told = f"{_tokens(looks)}{_statuses(tally)}"
            bar.update(task, completed=done, total=max(done, expected or done), description=told)
            idle = 0 if works else idle + 1
            if idle == IDLE:
                break
            if not console.is_terminal:
                speed, left = bar.tasks[0].speed or 0.0, bar.tasks[0].time_remaining
                ends = "" if left is None else f"{timedelta(seconds=round(left))} left, "
                console.print(f"{done} of {expected or '?'}: {speed:.1f} rows/s, {ends}{told}", markup=False)
            time.sleep(SECONDS)
    console.print(f"Nobody works in {out} now: {_statuses(tally)}.", markup=False)
    return {"records": done, "expected": expected, "statuses": dict(tally.statuses), "tokens": dict(tally.tokens)}


def _tokens(looks: deque[tuple[float, int]]) -> str:
    (since, before), (now, tokens) = looks[0], looks[-1]
    return f"{max(tokens - before, 0) / (now - since):,.0f} tokens/s, " if now > since else ""


def _statuses(tally: Tally) -> str:
    counts = [f"{number:,} {status.replace('_', ' ')}" for status, number in tally.statuses.most_common()]
    return ", ".join(counts) or "nothing yet"
