"""Exports: what waits for people, read from the journal: questions.jsonl for customers, approvals.jsonl for those who
approve, escalations.jsonl for desks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.chat.case import case_of
from pipeline.files import write_rows
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder


def write(folder: Folder, journal: Journal) -> None:
    """Bring both files in line with the journal."""
    write_rows(folder.questions, questions(journal))
    write_rows(folder.escalations, escalations(journal))
    waiting = list(approvals(journal))
    if waiting or folder.approvals.exists():  # a folder of an app without any has no such file
        write_rows(folder.approvals, waiting)


def approvals(journal: Journal) -> Iterator[dict[str, Any]]:
    """One row for each action that waits for an approval: whose, and exactly which arguments."""
    for waiting in journal.unapproved():
        yield {
            "custom_id": waiting.record,
            "role": waiting.role,
            "question": waiting.text,
            "action": waiting.action,
            "arguments": json.loads(waiting.arguments or "null"),
            "choices": waiting.choices,
        }


def questions(journal: Journal) -> Iterator[dict[str, Any]]:
    """One row for each record that waits: what is asked about which field, and the JSON schema of an answer.

    What waits for an approval is not the customer's to answer.
    """
    for waiting in journal.waiting():
        if waiting.role is not None:
            continue
        yield {
            "custom_id": waiting.record,
            "question": waiting.text,
            "field": waiting.field,
            "schema": waiting.schema,
            "choices": waiting.choices,
        }


def escalations(journal: Journal) -> Iterator[dict[str, Any]]:
    """One row for each record that a person has to take over: why, and all that is known about it."""
    for row in journal.escalated():
        id = row["custom_id"]
        yield {
            "custom_id": id,
            "to": row["escalation"]["to"],
            "reason": row["escalation"]["reason"],
            "intent": row["intent"],
            "transcript": journal.transcript(id),
            **case_of(journal, id, ("contract", "rung", "text", "error")),
            "schema": {"type": "string"},
        }
