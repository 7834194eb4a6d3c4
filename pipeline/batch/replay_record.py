"""Rerun: one record once more, in a journal of its own, so that nothing of the run it came from changes.

Knows how to copy a record's rows; what happens to it is app.py's business. No action is done: one that the journal
holds as done gives its result, any other ends the rerun with a sentence.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.app import App
from pipeline.chat.conversation_store import ConversationStore
from pipeline.errors import UsageError
from pipeline.journal.journal import Journal
from pipeline.journal.queries import reading
from pipeline.outcome import Outcome
from pipeline.record import Record
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.folder import Folder
from pipeline.runtime.launch import Launch
from pipeline.runtime.manifest import read_manifest
from pipeline.runtime.pipeline import Pipeline

_TABLES = {"records": "id", "steps": "record", "actions": "record", "questions": "record", "approvals": "record"}


def check_rerun(folder: Folder, id: str, since: str | None = None) -> None:
    """UsageError for a record or a step that a rerun would not find: before what takes long is opened for it."""
    with reading(folder.journal) as journal:
        if journal.record(id) is None:
            raise UsageError(f"{folder.path} holds no record '{id}': see `interlock inspect {folder.path}`.")
        if since is not None and since not in [step.position for step in journal.steps(id)]:
            raise UsageError(f"Record '{id}' has no step {since}: see `interlock inspect OUTDIR {id}` for its steps.")


async def rerun(
    app: App,
    folder: Folder,
    id: str,
    since: str | None = None,
    equipment: Equipment = Equipment(),
    launch: Launch = Launch(),
) -> tuple[dict[str, Any] | None, Outcome, list[str]]:
    """Walk a record's workflow along its journal: its line before, its outcome now, and the steps that ran anew.

    `since`: the position of the first step to forget; None forgets none, so that a workflow which has changed is a
    failure that names the step. What a person answered counts for the same question again; a question that nobody was
    asked then is what it comes to. What a person settled after the workflow handed over is no part of the line before.
    Nothing is told to telemetry. UsageError for an unknown record or position.
    """
    check_rerun(folder, id, since)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "journal.sqlite"
        async with Journal.open(path):
            pass  # makes the tables
        with closing(sqlite3.connect(path)) as copy:
            _copy(copy, folder, id)
            if since is not None:
                _forget(copy, since)
            input, today, before = copy.execute("SELECT input, today, outcome FROM records").fetchone()
            copy.execute("UPDATE records SET status = NULL, outcome = NULL")
            copy.commit()
        async with Journal.open(folder.journal) as source:
            store = ConversationStore(source)
            memory = None if store.of(id) is None else store.memory(id)
        async with Journal.open(path) as journal:
            known = {step.position for step in journal.steps(id)}
            day, quiet = date.fromisoformat(today), replace(equipment, telemetry=None)
            manifest, engine = read_manifest(folder.path), equipment.engine
            pipeline = await Pipeline.open(
                app,
                journal,
                folder.path,
                day,
                quiet,
                launch,
                idle_actions=True,
                fitted=manifest.fitted,
                trusted=engine is not None and manifest.lets_choose(engine.profile),
            )
            outcome = await pipeline.serve(Record.restore(id, input), memory)
            fresh = [f"{step.position} {step.name}" for step in journal.steps(id) if step.position not in known]
    return _of_workflow(before), outcome, fresh


def _of_workflow(line: str | None) -> dict[str, Any] | None:
    """A record's line as its workflow ended it: what a person settled afterwards is handed over."""
    row: dict[str, Any] | None = json.loads(line) if line else None
    if row is not None and row["escalation"] is not None and row["status"] == "completed":
        row |= {"status": "escalated", "message": None}
    return row


def _copy(copy: sqlite3.Connection, folder: Folder, id: str) -> None:
    copy.execute("ATTACH DATABASE ? AS source", (f"file:{folder.journal}",))
    for table, key in _TABLES.items():
        columns = ", ".join(row[1] for row in copy.execute(f"PRAGMA source.table_info({table})"))
        copy.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table} WHERE {key} = ?", (id,)
        )
    copy.commit()
    copy.execute("DETACH DATABASE source")


def _forget(copy: sqlite3.Connection, since: str) -> None:
    (started,) = copy.execute("SELECT started FROM steps WHERE position = ?", (since,)).fetchone()
    # Steps inside a call may be older than the call: it was begun again after each answer that it waited for.
    copy.execute(
        "DELETE FROM steps WHERE position = ? OR substr(position, 1, ?) = ? OR started + seconds >= ?",
        (since, len(since) + 1, f"{since}/", started),
    )
