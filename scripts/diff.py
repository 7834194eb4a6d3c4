"""`interlock diff`: what changed between two runs of the same requests."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline import UsageError
from pipeline.runtime.folder import Folder
from pipeline.text import short
from scripts.body import unstamped
from scripts.console import console
from scripts.inspect import ending

COMPARED = ("status", "intent", "result", "contract", "message", "question", "escalation", "error")
"""Everything of a result but how it was obtained."""
SHOWN = 500
"""Characters of an ending in the table."""
_NEEDED = {"custom_id", "status", "intent", "result", "question", "escalation"}


def diff(
    before: Annotated[Path, typer.Argument(metavar="OUTDIR1")],
    after: Annotated[Path, typer.Argument(metavar="OUTDIR2")],
    limit: Annotated[int, typer.Option(min=0, help="Differences shown; 0: all.")] = 50,
) -> None:
    """Compare two folders of results record by record: by status, intent and result. Exit code 1 if they differ."""
    table = Table(title=Text(f"{before} → {after}"), title_justify="left", show_lines=True)
    for heading in ("Record", "Changed", "Before", "After"):
        table.add_column(heading)
    changes: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    same = 0
    for id, old, new in _pairs(Folder(before).results, Folder(after).results):
        changed = _changed(old, new)
        if not changed:
            same += 1
            continue
        changes.update(changed)
        if old and new and old["status"] != new["status"]:
            statuses[f"{old['status']} → {new['status']}"] += 1
        if not limit or table.row_count < limit:
            table.add_row(Text(id), ", ".join(changed), *(Text(_told(row)) for row in (old, new)))
    if table.row_count:
        console.print(table)
    told = ", ".join(f"{name} {count}" for name, count in changes.items())
    console.print(f"{same} the same; changed: {told or 'nothing'}.", markup=False)
    print(json.dumps({"same": same, "changed": changes, "statuses": statuses}, ensure_ascii=False))
    raise typer.Exit(1 if changes else 0)


def _pairs(before: Path, after: Path) -> Iterator[tuple[str, dict[str, Any] | None, dict[str, Any] | None]]:
    """Every record of either file, by id: its line before and after. Joined on disk, whatever their size."""
    with closing(sqlite3.connect("")) as database:
        for name, path in (("old", before), ("new", after)):
            database.execute(f"CREATE TABLE {name} (id TEXT PRIMARY KEY, line TEXT)")
            if not path.is_file():
                raise UsageError(f"{path} does not exist: give two folders (-o) of runs or batches.")
            database.executemany(f"INSERT OR REPLACE INTO {name} VALUES (?, ?)", _lines(path))
        # FULL JOIN came with SQLite 3.39.
        joined = (
            "SELECT id, old.line, new.line FROM old LEFT JOIN new USING (id)"
            " UNION ALL SELECT id, NULL, new.line FROM new WHERE id NOT IN (SELECT id FROM old) ORDER BY id"
        )
        for id, old, new in database.execute(joined):
            yield id, old and json.loads(old), new and json.loads(new)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if not row.keys() >= _NEEDED:
                    raise ValueError
            except (ValueError, AttributeError, RecursionError):
                raise UsageError(
                    f"Line {number} of {path} is no result: give the folder (-o) of a run or a batch; the same run"
                    " again mends a line that a crash cut."
                ) from None
            yield str(row["custom_id"]), line.decode()


def _changed(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    if old is None or new is None:
        return ["added" if old is None else "missing"]
    return [name for name in COMPARED if unstamped(old.get(name)) != unstamped(new.get(name))]


def _told(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{row['status']}, {row['intent']}\n{short(ending(row), SHOWN)}"
