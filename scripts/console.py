"""The terminal: progress and tables go to stderr, so that stdout ends with one JSON object a script can read.

What --json, --wide and --quiet mean is said here once, for every command: `console` obeys them. Also how days and
numbers of records are read from the command line.
"""

from __future__ import annotations

import json
import os
from datetime import date
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pipeline.errors import UsageError

UNWRAPPED = 10_000
"""Columns of a table that is not to be wrapped: more than any has."""


class Terminal(Console):
    """A console whose tables are wrapped only where somebody looks at them, and are JSON lines on stdout if wanted.

    Colours are off with NO_COLOR, and the width is that of COLUMNS where it is set, as rich has it.
    """

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False)
        self.as_json = False
        if not self.is_terminal and not os.environ.get("COLUMNS"):
            self.width = UNWRAPPED

    def set_up(self, *, as_json: bool, wide: bool, quiet: bool) -> None:
        """For one command. `quiet`: nothing but errors and the JSON on stdout."""
        self.as_json, self.quiet = as_json, quiet
        if wide:
            self.width = UNWRAPPED

    def print(self, *objects: Any, **named: Any) -> None:
        """As `rich.console.Console.print`; a table or a tree is a line of JSON on stdout if that is wanted."""
        for thing in objects if self.as_json else ():
            if isinstance(thing, Table | Tree):
                print(json.dumps(_row(thing), ensure_ascii=False))
        shown = [thing for thing in objects if not (self.as_json and isinstance(thing, Table | Tree))]
        for thing in shown if self.width == UNWRAPPED else ():
            if isinstance(thing, Table) and thing.title:  # which would be wrapped to the table's width
                super().print(thing.title, style="italic", soft_wrap=True)
                thing.title = None
        if shown or not objects:
            super().print(*shown, **named)


def _row(thing: Table | Tree) -> dict[str, Any]:
    """A table as title and rows, by heading; a tree as labels."""
    if isinstance(thing, Tree):
        return {"label": _plain(thing.label), "children": [_row(child) for child in thing.children]}
    headings: list[str] = []
    for number, column in enumerate(thing.columns, start=1):
        told = _plain(column.header)
        headings.append(f"{told} {number}".strip() if told in headings or not told else told)
    cells = zip(*([_plain(cell) for cell in column.cells] for column in thing.columns), strict=True)
    return {"table": _plain(thing.title or ""), "rows": [dict(zip(headings, row, strict=True)) for row in cells]}


def _plain(cell: object) -> str:
    return Text.from_markup(cell).plain if isinstance(cell, str) else str(cell)


console = Terminal()


def tell(text: str) -> None:
    """Say what happens now, as it is, in the background."""
    console.print(text, style="dim", markup=False)


def complain(text: str) -> None:
    """Say what of that which was given cannot be used, and why: also with --quiet."""
    quiet, console.quiet = console.quiet, False
    try:
        console.print(text, markup=False)
    finally:
        console.quiet = quiet


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
