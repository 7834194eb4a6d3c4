"""Statements: those that put a record, an event, a step, an action, a question or an outcome into a journal, one by one
or many together. Executes none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache

from pydantic_core import PydanticSerializationError, to_json

from pipeline.events import Event, event_row
from pipeline.journal.rows import ActionRow, StepRow
from pipeline.journal.tables import ACTION_COLUMNS, STEP_COLUMNS
from pipeline.outcome import Question

Sql = tuple[str, Sequence[object]]

_RECORD = "INSERT OR IGNORE INTO records (id, input, today, started) VALUES (?, ?, ?, ?)"
_EVENT = "INSERT INTO events (record, at, body, conversation) VALUES (?, ?, ?, ?)"
_STEP = f"INSERT INTO steps (record, {STEP_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OUTCOME = "UPDATE records SET status = ?, intent = ?, outcome = ?, traceback = ?, finished = ? WHERE id = ?"

_KINDS = (_RECORD, _EVENT, _STEP, _OUTCOME)
"""None of them reads a table that another one writes; a record's outcome comes behind the record."""
_MOST = 64
"""Rows that one statement puts into a table at most. Of each kind there are so many texts, which a connection parses
once: `PARSED`."""


def as_json(value: object) -> str:
    """A value as compact JSON; in ASCII where it holds half a surrogate pair, which is no text."""
    try:
        return to_json(value, inf_nan_mode="constants").decode()
    except (PydanticSerializationError, UnicodeError):
        return json.dumps(value, separators=(",", ":"))


def insert_record(record: str, conversation: str, today: date) -> Sql:
    """The statement that notes a record on which work starts, unless it is known."""
    return _RECORD, (record, conversation, today.isoformat(), time.time())


def insert_event(event: Event, conversation: str | None = None) -> Sql:
    """The statement that keeps an event; with a conversation, its people see it."""
    body = event_row(event)
    return _EVENT, (body.pop("record"), time.time(), as_json(body), conversation)


def insert_step(record: str, step: StepRow) -> Sql:
    """The statement that keeps a step of a record."""
    return (
        _STEP,
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


def reserve_action(action: ActionRow) -> Sql:
    """The statement that notes an action which is about to happen; one that certainly did not is tried again."""
    return (
        f"INSERT INTO actions ({ACTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'reserved', NULL, ?, ?, ?, NULL)"
        " ON CONFLICT (key) DO UPDATE SET state = 'reserved', reserved = excluded.reserved,"
        " approval = excluded.approval WHERE state = 'refused'",
        (
            action.key,
            action.record,
            action.name,
            action.digest,
            action.occurrence,
            action.arguments,
            action.intent,
            action.approval,
            time.time(),
        ),
    )


def settle_action(key: str, state: str, result: str | None) -> Sql:
    """The statement that notes what became of a reserved action: "committed" with its result as JSON, or "refused"."""
    return (
        "UPDATE actions SET state = ?, result = ?, committed = ? WHERE key = ?",
        (state, result, time.time(), key),
    )


def put_question(record: str, step: StepRow, question: Question) -> list[Sql]:
    """Statements that put a record's question, in place of one from the same step, and what it is to approve."""
    choices = None if question.choices is None else as_json(question.choices)
    return [
        # A question of an earlier pass that the workflow no longer asks would otherwise take the answer. One that was
        # answered has its step, and is never put again; only a replay that forgot the step may come here.
        ("DELETE FROM questions WHERE record = ? AND position = ?", (record, step.position)),
        (
            "INSERT INTO questions (record, position, digest, occurrence, field, text, choices, asked, contract,"
            " schema) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record,
                step.position,
                step.digest,
                step.occurrence,
                question.field,
                question.text,
                choices,
                time.time(),
                question.contract,
                as_json(question.answer_schema),
            ),
        ),
        _put_approval(record, step.position, question),
    ]


def _put_approval(record: str, position: str, question: Question) -> Sql:
    wanted = question.approval
    if wanted is None:
        return "DELETE FROM approvals WHERE record = ? AND position = ? AND answer IS NULL", (record, position)
    return (
        "INSERT OR REPLACE INTO approvals (record, position, role, action, digest, arguments, question, asked)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (record, position, wanted.role, wanted.action, wanted.digest, wanted.arguments, question.text, time.time()),
    )


def update_outcome(record: str, status: str, intent: str | None, line: str, traceback: str | None) -> Sql:
    """The statement that gives a record its status, with its line for results.jsonl."""
    return _OUTCOME, (status, intent, line, traceback, time.time(), record)


def together(statements: Sequence[Sql]) -> Iterator[Sql]:
    """The same statements in fewer: rows of one table that nothing else stands between go there together."""
    kinds: dict[str, list[Sequence[object]]] = {kind: [] for kind in _KINDS}
    for sql, parameters in statements:
        if sql in kinds:
            kinds[sql].append(parameters)
        else:
            yield from _emptied(kinds)
            yield sql, parameters
    yield from _emptied(kinds)


def _emptied(kinds: dict[str, list[Sequence[object]]]) -> Iterator[Sql]:
    for sql, rows in kinds.items():
        for first in range(0, len(rows), _MOST):
            some = rows[first : first + _MOST]
            yield _of(sql, len(some)), [value for row in some for value in row]
        rows.clear()


@cache
def _of(sql: str, rows: int) -> str:
    if sql == _OUTCOME:
        values = ", ".join(["(?, ?, ?, ?, ?, ?)"] * rows)
        return (
            "UPDATE records SET status = new.column1, intent = new.column2, outcome = new.column3,"
            f" traceback = new.column4, finished = new.column5 FROM (VALUES {values}) AS new"
            " WHERE records.id = new.column6"
        )
    head, one = sql.split("VALUES ")
    return f"{head}VALUES {', '.join([one] * rows)}"
