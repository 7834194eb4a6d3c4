"""The terminal: progress and tables go to stderr, so that stdout ends with one JSON object a script can read.

Also how days and numbers of records are read from the command line.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Literal

from rich.console import Console

from pipeline.errors import UsageError

console = Console(stderr=True, highlight=False)


def tell(text: str) -> None:
    """Say what happens now, as it is, in the background."""
    console.print(text, style="dim", markup=False)


def finish(**fields: object) -> None:
    """The last line on stdout: one JSON object."""
    print(json.dumps(fields, ensure_ascii=False))


def day_of(text: str) -> date | None:
    """The day of an option such as --today; None for an empty one. UsageError for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"'{text}' is not a day: write it as 2026-12-31.") from None


def concurrency_of(text: str) -> int | Literal["auto"]:
    """The number of an option such as --concurrency, or "auto". UsageError for anything else."""
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"'{text}' is no concurrency: write a number from 1, or auto.")
    return int(text)
