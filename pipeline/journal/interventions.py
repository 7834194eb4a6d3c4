"""Interventions: what people do to a record from outside its workflow, as statements: they answer its question, resolve
what was handed to them, say whether an action happened, or have it served again. Executes none, and reads first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection

from pipeline.errors import JournalError
from pipeline.events import ActionCommitted
from pipeline.journal.queries import Queries
from pipeline.journal.rows import StepRow
from pipeline.journal.statements import Sql, as_json, insert_event, insert_step, settle_action

RETRIED = ("failed", "escalated")
"""Statuses from which a record can be served once more."""


def answered(journal: Queries, record: str, text: str, by: str = "") -> list[Sql]:
    """Statements that answer a record's question; `by`: who does. JournalError if the record does not wait."""
    row = journal.read(
        "SELECT q.number, q.position, q.digest, q.occurrence, q.asked FROM questions AS q"
        " JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
        " WHERE q.record = ? AND q.answer IS NULL ORDER BY q.number LIMIT 1",
        (record,),
    )
    if not row:
        raise JournalError(f"Record '{record}' does not wait for an answer: look at its status in results.jsonl.")
    number, position, digest, occurrence, asked = row[0]
    step = StepRow(position, "ask", digest, occurrence, json.dumps(text), started=asked)
    return [
        ("UPDATE questions SET answer = ?, answered = ? WHERE number = ?", (text, time.time(), number)),
        (
            "UPDATE approvals SET answer = ?, by = ?, answered = ? WHERE record = ? AND position = ?",
            (text, by, time.time(), record, position),
        ),
        *([("INSERT OR REPLACE INTO answerers VALUES (?, ?)", (number, by))] if by else ()),
        insert_step(record, step),
        ("DELETE FROM questions WHERE record = ? AND answer IS NULL", (record,)),
        ("DELETE FROM desk WHERE record = ? AND state = 'taken' AND conversation IS NULL", (record,)),
        ("UPDATE records SET status = NULL, outcome = NULL, finished = NULL WHERE id = ?", (record,)),
    ]


def resolved(journal: Queries, record: str, text: str, by: str = "") -> list[Sql]:
    """Statements by which a person ends an escalated record with a text. JournalError if it is not escalated."""
    rows = journal.read("SELECT outcome FROM records WHERE id = ? AND status = 'escalated'", (record,))
    if not rows:
        raise JournalError(f"Record '{record}' is not with a person: look at its status in results.jsonl.")
    row = json.loads(rows[0][0])
    row |= {"status": "completed", "message": text, "result": None, "contract": None}
    return [
        (
            "INSERT INTO questions (record, position, digest, occurrence, text, answer, asked, answered, kind)"
            " VALUES (?, 'end', '', 0, ?, ?, ?, ?, 'escalation')",
            (record, row["escalation"]["reason"], text, time.time(), time.time()),
        ),
        *([("INSERT OR REPLACE INTO answerers VALUES (last_insert_rowid(), ?)", (by,))] if by else ()),
        ("UPDATE records SET status = 'completed', outcome = ? WHERE id = ?", (as_json(row), record)),
    ]


def found_out(
    journal: Queries, record: str, key: str, happened: bool, result: str | None
) -> tuple[list[Sql], str | None]:
    """Statements that settle an action of which it was not known whether it happened, and the record's conversation.

    `result`: what it returned, as JSON. JournalError if the action is not uncertain.
    """
    rows = journal.read(
        "SELECT a.name, r.status, r.conversation FROM actions AS a JOIN records AS r ON r.id = a.record"
        " WHERE a.key = ? AND a.record = ? AND a.state = 'reserved'",
        (key, record),
    )
    if not rows or rows[0][1] is None:
        raise JournalError(f"Record '{record}' has no such action of which it is not known whether it happened.")
    name, _, conversation = rows[0]
    if not happened:
        return [settle_action(key, "refused", None)], conversation
    return [
        settle_action(key, "committed", result),
        insert_event(ActionCommitted(record, name, key), conversation),
        *reopened(journal, record, again=False),
    ], conversation


def retried(journal: Queries, which: Collection[str]) -> list[str]:
    """The ended records that are meant, by status or id. JournalError for an id that has no status to go back from."""
    rows = journal.read("SELECT id, status FROM records WHERE status IS NOT NULL")
    chosen = [id for id, status in rows if (status in which and status in RETRIED) or id in which]
    missing = set(which) - set(RETRIED) - set(chosen)
    if missing:
        raise JournalError(f"There is no finished record '{min(missing)}' to retry: see `interlock inspect`.")
    return chosen


def reopened(journal: Queries, record: str, again: bool) -> list[Sql]:
    """Statements that forget a record's outcome and its steps from the first that failed.

    `again`: it is served once more, with other draws and a clean slate; else it goes on.
    """
    steps = sorted(journal.steps(record), key=lambda step: step.started)
    failed = next((step.started for step in steps if _failed(step)), steps[0].started if steps else 0.0)
    slate = ", retries = retries + 1, suspicion = 0, alone = 0" if again else ""
    return [
        ("DELETE FROM steps WHERE record = ? AND started + seconds >= ?", (record, failed)),
        ("DELETE FROM questions WHERE record = ? AND asked >= ?", (record, failed)),
        ("DELETE FROM approvals WHERE record = ? AND asked >= ? AND answer IS NULL", (record, failed)),
        *([("DELETE FROM desk WHERE record = ? AND state = 'closed'", (record,))] if again else ()),
        (
            f"UPDATE records SET status = NULL, outcome = NULL, finished = NULL, traceback = NULL{slate} WHERE id = ?",
            (record,),
        ),
    ]


def _failed(step: StepRow) -> bool:
    """Whether a step raised, or is a model's answer that broke a rule."""
    return step.error is not None or (step.is_try and bool(json.loads(step.result or "{}").get("error")))
