"""`interlock ledger`: every side effect of a run, once, as the journal holds it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pipeline import UsageError
from pipeline.batch.shards import folders_in
from pipeline.journal.journal import Journal
from pipeline.journal.rows import ActionRow, Approved
from scripts.console import console

_COLOUR = {"committed": "green", "refused": "dim", "reserved": "bold red"}


def ledger(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder of results.")],
    state: Annotated[str, typer.Option(help="Only actions in this state: committed, refused or reserved.")] = "",
) -> None:
    """Print the ledger: what was done for whom, under which key, and who approved it.

    `reserved` means that the process ended between the deed and its commit, and nobody knows yet whether it happened:
    find out, and say so with `interlock answer` ("happened": true or false).
    """
    if state and state not in _COLOUR:
        raise UsageError(f"'{state}' is no state of an action: use {', '.join(_COLOUR)}.")
    read, approvals = asyncio.run(_read(out))
    rows = [row for row in read if state in ("", row.state)]
    by = {(one.record, one.action, one.digest): one for one in approvals if one.answer == "yes"}
    table = Table(title=Text(f"{len(rows)} actions in {out}"), title_justify="left")
    for heading in ("Reserved", "Record", "Intent", "Action", "Arguments", "State", "Result", "Approved", "Key"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            f"{datetime.fromtimestamp(row.reserved):%Y-%m-%d %H:%M:%S}",
            Text(row.record),
            row.intent,
            row.name,
            Text(row.arguments),
            Text(row.state, style=_COLOUR[row.state]),
            Text(row.result or ""),
            Text(_approved(row, by.get((row.record, row.name, row.approval or "")))),
            row.key[:12],
        )
    console.print(table)
    print(json.dumps({"actions": len(rows), "states": Counter(row.state for row in rows)}))


def _approved(row: ActionRow, given: Approved | None) -> str:
    """By whom, as what, and when; "yes" where that was not kept."""
    if row.approval is None:
        return ""
    if given is None or not given.by:
        return "yes"
    return f"{given.by} ({given.role}), {datetime.fromtimestamp(given.answered):%Y-%m-%d %H:%M:%S}"


async def _read(out: Path) -> tuple[list[ActionRow], list[Approved]]:
    rows: list[ActionRow] = []
    approvals: list[Approved] = []
    for folder in folders_in(out):
        async with Journal.open(folder.journal) as journal:
            rows += journal.actions()
            approvals += journal.approvals()
    return sorted(rows, key=lambda row: row.reserved), approvals
