"""Timeline: one record as it went, and what else the service counts in a journal.

Writes nothing. A record's timeline holds names, times and counts: no prompt, no scratchpad, no text of a model.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.intents import OUT_OF_SCOPE
from pipeline.journal.queries import Queries
from pipeline.journal.rows import StepRow
from pipeline.outcome import STATUSES
from pipeline.record import Record

_SHOWN = ("contract", "rung", "finish_reason")


def standing(journal: Queries) -> dict[str, int]:
    """How many conversations there are, how many questions wait, and how many requests are with a person."""
    row = journal.read(
        "SELECT (SELECT count(*) FROM conversations),"
        " (SELECT count(*) FROM records WHERE status = 'needs_input'),"
        " (SELECT count(*) FROM records WHERE status = 'escalated')"
    )[0]
    return {"conversations": row[0], "waiting": row[1], "escalated": row[2]}


def tokens(journal: Queries, record: str, since: float = 0.0) -> tuple[int, int]:
    """Prompt and completion tokens of a record's steps that ended after `since` (Unix time)."""
    row = journal.read(
        "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0) FROM steps"
        " WHERE record = ? AND started + seconds > ?",
        (record, since),
    )[0]
    return int(row[0]), int(row[1])


def counts(journal: Queries) -> dict[str, int]:
    """How many records have which status; "running" are those without one."""
    found = dict(journal.read("SELECT coalesce(status, 'running'), count(*) FROM records GROUP BY 1"))
    return {status: found.get(status, 0) for status in (*STATUSES, "running")}


def declined(journal: Queries) -> int:
    """How many of the completed records asked for something that is done here for nobody."""
    [(found,)] = journal.read(f"SELECT count(*) FROM records WHERE intent = '{OUT_OF_SCOPE}' AND status = 'completed'")
    return int(found)


def timeline(journal: Queries, record: str) -> dict[str, Any] | None:
    """One record with its steps, what was asked and said, and its outcome; None if it was not begun."""
    rows = journal.read(
        "SELECT status, intent, outcome, started, finished, retries FROM records WHERE id = ?", (record,)
    )
    if not rows:
        return None
    status, intent, outcome, started, finished, retries = rows[0]
    steps = journal.steps(record)
    return {
        "custom_id": record,
        "status": status or "running",
        "intent": intent,
        "started": started,
        "finished": finished,
        "retries": retries,
        "transcript": [*journal.transcript(record)],
        "steps": [step_row(step) for step in steps],
        "attempts": sum("finish_reason" in step.detail for step in steps),
        "tokens": {
            "prompt": sum(step.prompt_tokens for step in steps),
            "completion": sum(step.completion_tokens for step in steps),
        },
        "outcome": json.loads(outcome) if outcome else None,
    }


def begins(record: str, input: str) -> str:
    """The first words of what a customer said about a record of which `input` is the conversation as JSON."""
    return " ".join(Record.restore(record, input).text.split())[:200]


def step_row(step: StepRow) -> dict[str, Any]:
    """A step without what it was given and what came of it."""
    return {
        "position": step.position,
        "name": step.name,
        "started": step.started,
        "seconds": step.seconds,
        "attempt": step.attempt,
        "prompt_tokens": step.prompt_tokens,
        "completion_tokens": step.completion_tokens,
        "failed": step.error is not None,
        **{name: step.detail.get(name) for name in _SHOWN if name in step.detail},
    }
