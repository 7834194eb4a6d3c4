"""The terminal: progress and tables go to stderr, so that stdout ends with one JSON object a script can read.

Also how a day is read from the command line.
"""

from __future__ import annotations

from datetime import date

from rich.console import Console

from pipeline.errors import UsageError

console = Console(stderr=True, highlight=False)


def tell(text: str) -> None:
    """Say what happens now, as it is, in the background."""
    console.print(text, style="dim", markup=False)


def day_of(text: str) -> date | None:
    """The day of an option such as --today; None for an empty one. UsageError for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"'{text}' is not a day: write it as 2026-12-31.") from None
