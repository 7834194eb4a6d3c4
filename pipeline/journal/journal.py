"""Journal: one SQLite file that holds every step of every record, once, before its result is used.

It knows rows; it does not know statements (statements.py; what people do to a record: interventions.py), columns' types
(tables.py), transactions (writer.py), workflows, engines or prompts.
Resume, parked questions, the action ledger, receipts and traces are readings of these rows.

What the world outside has seen or is about to see (actions, a person's answers) survives a power cut. Of the rest a
power cut can only take away the latest steps, none of them before a reserved action; they are then done again. Reads
are short and use a second connection, which WAL keeps out of the writer's way.
"""

from __future__ import annotations

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
from pipeline.journal.interventions import answered, found_out, reopened, resolved, retried
from pipeline.journal.notifier import Notifier
from pipeline.journal.queries import Queries
from pipeline.journal.rows import ActionRow, StepRow
from pipeline.journal.statements import (
    Sql,
    as_json,
    insert_event,
    insert_record,
    insert_step,
    put_question,
    reserve_action,
    settle_action,
    update_outcome,
)
from pipeline.journal.tables import connect, connect_with_tables
from pipeline.journal.writer import JournalWriter
from pipeline.outcome import Outcome, Question

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
        await self._thread.write(reserve_action(action), firm=True)

    async def settle(self, record: str, key: str, state: Literal["committed", "refused"], step: StepRow) -> None:
        """Make durable that a reserved action happened, or that it certainly did not; with its step, as one."""
        done = [ActionCommitted(record, step.name, key)] if state == "committed" else []
        seen, wake = self._seen(record, *done, _finished(record, step))
        await self._thread.write(
            insert_step(record, step),
            settle_action(key, state, step.result),
            *seen,
            firm=True,
            then=wake,
        )

    async def park(self, record: str, step: StepRow, question: Question) -> None:
        """Make a question durable. `step` is the asking step, still without a result."""
        await self._thread.write(*put_question(record, step, question))

    # What people do

    async def answer(self, record: str, text: str, by: str = "") -> None:
        """Answer the question that a record waits for; running the batch again goes on from there.

        `by`: who does, which an approval needs to know. JournalError if the record does not wait.
        """
        await self.write(*answered(self, record, text, by))

    async def resolve(self, record: str, text: str) -> None:
        """A person took an escalated record over and says what came of it. JournalError if it is not escalated."""
        await self.write(*resolved(self, record, text))

    async def settle_uncertain(self, record: str, key: str, happened: bool, result: str | None = None) -> None:
        """A person found out whether a reserved action happened. JournalError if it is not uncertain.

        It happened: it is committed with `result` (JSON), and the record is open again, to go on after it. It did not:
        it is refused, and `retry` serves the record once more.
        """
        statements, conversation = found_out(self, record, key, happened, result)
        await self.write(*statements, conversation=conversation)

    async def retry(self, which: Collection[str]) -> int:
        """Open records again, by status ("failed", "escalated") or id, to be served once more with other draws.

        Returns how many they are. Steps up to the first that failed stay; what a person answered before that, and
        every action done, is kept.
        JournalError, with nothing changed, for an id that has no status to go back from.
        """
        chosen = retried(self, which)
        for record in chosen:
            await self.write(*reopened(self, record, again=True))
        return len(chosen)

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


def _finished(record: str, step: StepRow) -> StepFinished:
    return StepFinished(record, step.position, step.name, step.seconds, step.error is not None)
