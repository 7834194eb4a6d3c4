"""Expiry: the questions that nobody has answered for too long, and what the journal keeps in an answer's place.

A question that expired is a step which raised: the record goes on from there as from an answer, in every pass and
process, and hands over to a person. Only the customer of a conversation, who can ask again at any time, is told instead
that it is closed. Knows rows; writes none.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from pipeline.ages import in_words
from pipeline.journal.queries import Queries
from pipeline.journal.rows import StepRow
from pipeline.journal.statements import Sql, insert_step
from pipeline.text import short


@dataclass(frozen=True)
class Due:
    """An open question that has waited for too long; `role`: who was to approve something, if that is what it is."""

    number: int
    record: str
    conversation: str | None
    position: str
    digest: str
    occurrence: int
    text: str
    asked: float
    role: str | None


def due(journal: Queries, before: float, record: str | None = None) -> list[Due]:
    """The question that each record waits for, or one record does, where it was asked before a time (Unix)."""
    one = "" if record is None else " AND q.record = ?"
    rows = journal.read(
        "SELECT q.number, q.record, r.conversation, q.position, q.digest, q.occurrence, q.text, q.asked, a.role"
        " FROM questions AS q JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
        " LEFT JOIN approvals AS a ON a.record = q.record AND a.position = q.position"
        f" WHERE q.answer IS NULL AND q.asked < ?{one}"
        " AND q.number = (SELECT min(number) FROM questions WHERE record = q.record AND answer IS NULL)"
        " ORDER BY q.number",
        (before,) if record is None else (before, record),
    )
    return [Due(*row) for row in rows]


def expired(late: Due, age: float) -> list[Sql]:
    """Statements that end the wait: nobody answered within `age` seconds, and the record is open to go on."""
    step = StepRow(late.position, "ask", late.digest, late.occurrence, None, _raised(late, age), started=late.asked)
    statements: list[Sql] = [
        (
            "UPDATE questions SET answer = '', answered = ?, kind = 'expired' WHERE number = ?",
            (time.time(), late.number),
        ),
        insert_step(late.record, step),
        ("DELETE FROM questions WHERE record = ? AND answer IS NULL", (late.record,)),
        ("UPDATE records SET status = NULL, outcome = NULL, finished = NULL WHERE id = ?", (late.record,)),
    ]
    if late.conversation is not None:  # who has taken an approval has not taken the customer: see Desk.hold
        statements.append(("DELETE FROM desk WHERE record = ? AND conversation IS NULL", (late.record,)))
    return statements


def handed_over(journal: Queries, record: str) -> float | None:
    """When the question expired (Unix time) with which a record was handed over; None where that is not why a person
    has it.
    """
    rows = journal.read(
        "SELECT q.answered FROM questions AS q JOIN records AS r ON r.id = q.record AND r.status = 'escalated'"
        " WHERE q.record = ? AND q.kind = 'expired' ORDER BY q.number DESC LIMIT 1",
        (record,),
    )
    return float(rows[0][0]) if rows else None


def _raised(late: Due, age: float) -> str:
    """What the asking step raises from now on (durable/results.py)."""
    within = in_words(age)
    if late.role is not None:  # the customer reads it, who is not shown what others are asked
        return _error("Escalation", f"The approval of the {late.role} did not come within {within}.", to="human")
    if late.conversation is not None:
        return _error("Dropped", f"There was no answer to this within {within}, so it is closed.")
    return _error("Escalation", f'Nobody answered "{short(late.text)}" within {within}.', to="human")


def _error(kind: str, message: str, **more: str) -> str:
    return json.dumps({"kind": kind, "message": message, **more})
