"""Exports: what waits for people, read from the journal: questions.jsonl for customers, escalations.jsonl for desks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.files import write_rows
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder


def write(folder: Folder, journal: Journal) -> None:
    """Bring both files in line with the journal."""
    write_rows(folder.questions, questions(journal))
    write_rows(folder.escalations, escalations(journal))


def questions(journal: Journal) -> Iterator[dict[str, Any]]:
    """One row for each record that waits: what is asked about which field, and the JSON schema of an answer."""
    for waiting in journal.waiting():
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
        steps = journal.steps(id)
        tries = [step for step in steps if "rung" in step.detail]
        yield {
            "custom_id": id,
            "to": row["escalation"]["to"],
            "reason": row["escalation"]["reason"],
            "intent": row["intent"],
            "transcript": journal.transcript(id),
            "evidence": [
                passage
                for step in steps
                if step.name == "retrieve" and step.result is not None
                for passage in json.loads(step.result)
            ],
            "attempts": [
                {"contract": step.detail["contract"], "rung": step.detail["rung"], **_said(step.result)}
                for step in tries
            ],
            "actions": [
                {"action": action.name, "arguments": json.loads(action.arguments), "state": action.state}
                for action in journal.actions(id)
            ],
            "schema": {"type": "string"},
        }


def _said(result: str | None) -> dict[str, Any]:
    attempt = json.loads(result or "{}")
    return {"text": attempt.get("text"), "error": attempt.get("error")}
