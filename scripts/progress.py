"""The bar of whatever takes long: how much is done, its rate, and the time that is left."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from scripts.console import console


class _Rate(ProgressColumn):
    """How many a second; tenths where they are few."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.{int(task.speed < 10)}f}/s" if task.speed else "")


def progress_bar() -> Progress:
    """A bar on stderr that goes when it is done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
    )
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
