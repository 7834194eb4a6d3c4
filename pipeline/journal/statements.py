"""Statements: those that put an event or a step into a journal. Executes none."""

from __future__ import annotations

import json
import time

from pipeline.events import Event, event_row
from pipeline.journal.rows import StepRow
from pipeline.journal.tables import STEP_COLUMNS
from pipeline.journal.writer import Sql

as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: json.dumps makes one a call."""


def insert_event(event: Event, conversation: str | None = None) -> Sql:
    """The statement that keeps an event; with a conversation, its people see it."""
    body = event_row(event)
    return (
        "INSERT INTO events (record, at, body, conversation) VALUES (?, ?, ?, ?)",
        # In ASCII: an event may hold half a surrogate pair.
        (body.pop("record"), time.time(), json.dumps(body), conversation),
    )


def insert_step(record: str, step: StepRow) -> Sql:
    """The statement that keeps a step of a record."""
    return (
        f"INSERT INTO steps (record, {STEP_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record,
            step.position,
            step.name,
            step.digest,
            step.occurrence,
            step.result,
            step.error,
            step.attempt,
            step.prompt_tokens,
            step.completion_tokens,
            step.started,
            step.seconds,
            as_json(step.detail) if step.detail else "{}",
        ),
    )
