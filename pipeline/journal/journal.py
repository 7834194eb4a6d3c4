"""Journal: one SQLite file that holds every step of every record, once, before its result is used.

It knows rows; it does not know columns' types (tables.py), transactions (writer.py), workflows, engines or prompts.
Resume, parked questions, the action ledger, receipts and traces are readings of these rows.

What the world outside has seen or is about to see (actions, a person's answers) survives a power cut. Of the rest a
power cut can only take away the latest steps, none of them before a reserved action; they are then done again. Reads
are short and use a second connection, which WAL keeps out of the writer's way.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pipeline.errors import JournalError
from pipeline.events import (
    ActionCommitted,
    Event,
    Progress,
    RecordFinished,
    RecordStarted,
    Routed,
    StepFinished,
    StepStarted,
)
from pipeline.journal.notifier import Notifier
from pipeline.journal.queries import Queries
from pipeline.journal.rows import ActionRow, StepRow
from pipeline.journal.statements import Sql, as_json, insert_event, insert_record, insert_step, update_outcome
from pipeline.journal.tables import ACTION_COLUMNS, connect, connect_with_tables
from pipeline.journal.writer import JournalWriter
from pipeline.outcome import Outcome, Question

RETRIED = ("failed", "escalated")
"""Statuses from which a record can be served once more."""

LEAST_SPACE = 64 * 1024
"""Bytes that a disk has left: a page may still be written over where no message could be kept."""
_STARTED = "json_extract(body, '$.event') = 'RecordStarted'"


class Journal(Queries):
    """Open with `Journal.open`; close with `close`, or use it as an async context manager."""

    def __init__(self, path: Path, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        super().__init__(path, reader)
        self.notifier = Notifier()
        self._writer = writer
        self._thread = JournalWriter(path, writer)
        self._conversations: dict[str, str] = {}

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal at `path`, making it if there is none. JournalError if it is not one of this version."""
        try:
            writer = connect_with_tables(path)
            return cls(path, connect(path), writer)
        except sqlite3.Error as error:
            raise JournalError(f"{path} cannot be opened as a journal ({error}): use another folder.") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Write what is queued, then close the file. Whoever still waits for a write gets its result."""
        if self._thread.closed:
            return
        await self._thread.close()
        self._reader.close()
        self._writer.close()

    # Writing

    async def begin_run(self, manifest: Mapping[str, Any]) -> None:
        """Note that a process started to work on this file.

        If the one before it was killed, each record that it had started and not finished is under suspicion from now.
        """
        await self._thread.write(
            (
                "UPDATE records SET suspicion = suspicion + 1 + alone, alone = 0 WHERE status IS NULL AND EXISTS ("
                f"SELECT 1 FROM events WHERE record = records.id AND {_STARTED} AND at >= ("
                "SELECT started FROM runs WHERE number = (SELECT max(number) FROM runs) AND finished IS NULL))",
                (),
            ),
            ("INSERT INTO runs (started, manifest) VALUES (?, ?)", (time.time(), as_json(manifest))),
        )

    def expect(self, records: int) -> None:
        """Note how many records a run was given, for whoever watches it. Not waited for."""
        self._thread.write_soon(("INSERT OR REPLACE INTO meta VALUES ('expected', ?)", (str(records),)))

    def end_run(self) -> None:
        """Note that the latest process came to its end. Not waited for."""
        self._thread.write_soon(
            ("UPDATE runs SET finished = ? WHERE number = (SELECT max(number) FROM runs)", (time.time(),)),
        )

    def begin(self, record: str, conversation: str, today: date) -> None:
        """Note a record on which work starts. Not waited for: whatever else is written about it is written after it."""
        self._thread.write_soon(insert_record(record, conversation, today))

    async def start(self, event: RecordStarted, alone: bool = False) -> None:
        """Make durable that a record is being served, alone or not: should that kill us, the next run must know."""
        mark: list[Sql] = [("UPDATE records SET alone = ? WHERE id = ?", (int(alone), event.record))]
        await self._thread.write(*(mark if alone or event.resumed else ()), insert_event(event))

    def follow(self, record: str, conversation: str) -> None:
        """People watch this record until it has a status: what they see is kept as their conversation's events."""
        self._conversations[record] = conversation

    async def write(self, *statements: Sql, conversation: str | None = None) -> None:
        """Make statements durable as one, power cuts included, and wake the listeners of a conversation."""
        then = None if conversation is None else partial(self.notifier.wake, conversation)
        await self._thread.write(*statements, firm=True, then=then)

    async def writable(self) -> bool:
        """Whether it can be written now: a row is, unless the disk did not take one a moment ago."""
        try:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
            await self._thread.write(("INSERT OR REPLACE INTO meta VALUES ('probed', ?)", (str(time.time()),)))
        except (JournalError, OSError):
            return False
        return free >= LEAST_SPACE

    def tell(self, event: Event) -> None:
        """Keep an event that a later reader needs. Not waited for.

        In a conversation the others stand in the journal with what they tell of, so that neither is there without the
        other.
        """
        conversation = self._conversations.get(event.record)
        if conversation is None:
            if not isinstance(event, StepStarted | StepFinished):
                self._thread.write_soon(insert_event(event))
        elif isinstance(event, Routed | StepStarted | Progress):
            self._thread.write_soon(insert_event(event, conversation), then=partial(self.notifier.wake, conversation))
        elif isinstance(event, RecordFinished):
            self._thread.write_soon(insert_event(event))

    def _seen(self, record: str, *events: Event) -> tuple[list[Sql], Callable[[], None] | None]:
        """Statements that keep events for the people who watch a record, if any do, and what wakes them."""
        conversation = self._conversations.get(record)
        if conversation is None:
            return [], None
        return [insert_event(event, conversation) for event in events], partial(self.notifier.wake, conversation)

    async def keep(self, record: str, step: StepRow) -> None:
        """Make a step durable; returns when it is. JournalError if the disk does not take it."""
        seen, wake = self._seen(record, _finished(record, step))
        await self._thread.write(insert_step(record, step), *seen, then=wake)

    async def reserve(self, action: ActionRow) -> None:
        """Make durable that an action is about to happen."""
        await self._thread.write(
            (
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
            ),
            firm=True,
        )

    async def settle(self, record: str, key: str, state: Literal["committed", "refused"], step: StepRow) -> None:
        """Make durable that a reserved action happened, or that it certainly did not; with its step, as one."""
        done = [ActionCommitted(record, step.name, key)] if state == "committed" else []
        seen, wake = self._seen(record, *done, _finished(record, step))
        await self._thread.write(
            insert_step(record, step),
            (
                "UPDATE actions SET state = ?, result = ?, committed = ? WHERE key = ?",
                (state, step.result, time.time(), key),
            ),
            *seen,
            firm=True,
            then=wake,
        )

    async def settle_uncertain(self, record: str, key: str, happened: bool, result: str | None = None) -> None:
        """A person found out whether a reserved action happened. JournalError if it is not uncertain.

        It happened: it is committed with `result` (JSON), and the record is open again, to go on after it. It did not:
        it is refused, and `retry` serves the record once more.
        """
        rows = self.read(
            "SELECT a.name, r.status, r.conversation FROM actions AS a JOIN records AS r ON r.id = a.record"
            " WHERE a.key = ? AND a.record = ? AND a.state = 'reserved'",
            (key, record),
        )
        if not rows or rows[0][1] is None:
            raise JournalError(f"Record '{record}' has no such action of which it is not known whether it happened.")
        state = "committed" if happened else "refused"
        name, _, conversation = rows[0]
        told = [insert_event(ActionCommitted(record, name, key), conversation)] if happened else []
        await self.write(
            (
                "UPDATE actions SET state = ?, result = ?, committed = ? WHERE key = ?",
                (state, result if happened else None, time.time(), key),
            ),
            *told,
            *(self._reopened(record, again=False) if happened else ()),
            conversation=conversation,
        )

    async def park(self, record: str, step: StepRow, question: Question) -> None:
        """Make a question durable. `step` is the asking step, still without a result."""
        choices = None if question.choices is None else as_json(question.choices)
        await self._thread.write(
            # A question of an earlier pass that the workflow no longer asks would otherwise take the answer. One that
            # was answered has its step, and is never put again; only a replay that forgot the step may come here.
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
            *_to_approve(record, step.position, question),
        )

    async def answer(self, record: str, text: str, by: str = "") -> None:
        """Answer the question that a record waits for; running the batch again goes on from there.

        `by`: who does, which an approval needs to know. JournalError if the record does not wait.
        """
        await self.write(*self.answered(record, text, by))

    def answered(self, record: str, text: str, by: str = "") -> list[Sql]:
        """Statements that answer a record's question. JournalError as `answer`."""
        row = self.read(
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
            *_answered_by(number, by),
            insert_step(record, step),
            ("DELETE FROM questions WHERE record = ? AND answer IS NULL", (record,)),
            ("DELETE FROM desk WHERE record = ? AND state = 'taken' AND conversation IS NULL", (record,)),
            ("UPDATE records SET status = NULL, outcome = NULL, finished = NULL WHERE id = ?", (record,)),
        ]

    async def retry(self, which: Collection[str]) -> int:
        """Open records again, by status ("failed", "escalated") or id, to be served once more with other draws.

        Returns how many they are. Steps up to the first that failed stay; what a person answered before that, and
        every action done, is kept.
        JournalError, with nothing changed, for an id that has no status to go back from.
        """
        rows = self.read("SELECT id, status FROM records WHERE status IS NOT NULL")
        chosen = [id for id, status in rows if (status in which and status in RETRIED) or id in which]
        missing = set(which) - set(RETRIED) - set(chosen)
        if missing:
            raise JournalError(f"There is no finished record '{sorted(missing)[0]}' to retry: see `interlock inspect`.")
        for id in chosen:
            await self.write(*self._reopened(id, again=True))
        return len(chosen)

    def _reopened(self, record: str, again: bool) -> list[Sql]:
        """Statements that forget a record's outcome and its steps from the first that failed.

        `again`: it is served once more, with other draws and a clean slate; else it goes on.
        """
        steps = sorted(self.steps(record), key=lambda step: step.started)
        failed = next((step.started for step in steps if _failed(step)), steps[0].started if steps else 0.0)
        slate = ", retries = retries + 1, suspicion = 0, alone = 0" if again else ""
        return [
            ("DELETE FROM steps WHERE record = ? AND started + seconds >= ?", (record, failed)),
            ("DELETE FROM questions WHERE record = ? AND asked >= ?", (record, failed)),
            ("DELETE FROM approvals WHERE record = ? AND asked >= ? AND answer IS NULL", (record, failed)),
            *([("DELETE FROM desk WHERE record = ? AND state = 'closed'", (record,))] if again else ()),
            (
                "UPDATE records SET status = NULL, outcome = NULL, finished = NULL, traceback = NULL"
                f"{slate} WHERE id = ?",
                (record,),
            ),
        ]

    async def resolve(self, record: str, text: str) -> None:
        """A person took an escalated record over and says what came of it. JournalError if it is not escalated."""
        await self.write(*self.resolved(record, text))

    def resolved(self, record: str, text: str, by: str = "") -> list[Sql]:
        """Statements that resolve an escalated record. JournalError as `resolve`."""
        rows = self.read("SELECT outcome FROM records WHERE id = ? AND status = 'escalated'", (record,))
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

    def is_followed(self, record: str) -> bool:
        """Whether people watch this record (`follow`)."""
        return record in self._conversations

    async def finish(self, outcome: Outcome, traceback: str | None = None, told: Sequence[Event] = ()) -> str:
        """Make a record's outcome durable, and what the people who watch the record are `told` of it, as one.

        Returns the outcome's line for results.jsonl, without the line break.
        """
        line = as_json(outcome.row())
        record = outcome.custom_id
        seen, wake = self._seen(record, *told)
        await self._thread.write(
            update_outcome(record, outcome.status, outcome.intent, line, traceback),
            *seen,
            firm=self.is_followed(record),
            then=wake,
        )
        self._conversations.pop(record, None)
        return line


def _answered_by(number: int, by: str) -> list[Sql]:
    return [("INSERT OR REPLACE INTO answerers VALUES (?, ?)", (number, by))] if by else []


def _to_approve(record: str, position: str, question: Question) -> list[Sql]:
    """Statements that keep what a question is to approve, if it is."""
    wanted = question.approval
    if wanted is None:
        return [("DELETE FROM approvals WHERE record = ? AND position = ? AND answer IS NULL", (record, position))]
    return [
        (
            "INSERT OR REPLACE INTO approvals (record, position, role, action, digest, arguments, question, asked)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record,
                position,
                wanted.role,
                wanted.action,
                wanted.digest,
                wanted.arguments,
                question.text,
                time.time(),
            ),
        )
    ]


def _failed(step: StepRow) -> bool:
    """Whether a step raised, or is a model's answer that broke a rule."""
    return step.error is not None or (step.is_try and bool(json.loads(step.result or "{}").get("error")))


def _finished(record: str, step: StepRow) -> StepFinished:
    return StepFinished(record, step.position, step.name, step.seconds, step.error is not None)
