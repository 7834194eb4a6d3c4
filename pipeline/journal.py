"""Journal: one SQLite file that holds every step of every record, once, before its result is used.

It knows rows; it does not know columns' types (schema.py), transactions (writer.py), workflows, engines or prompts.
Resume, parked questions, the action ledger, receipts and traces are readings of these rows.

What the world outside has seen or is about to see (actions, a person's answers) survives a power cut. Of the rest a
power cut can only take away the latest steps, none of them before a reserved action; they are then done again. Reads
are short and use a second connection, which WAL keeps out of the writer's way.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pipeline.errors import JournalError
from pipeline.events import Event, RecordStarted, event_row
from pipeline.outcome import Outcome, Question
from pipeline.quarantine import TWICE
from pipeline.record import Record
from pipeline.schema import connect, connect_with_tables
from pipeline.step import StepRow
from pipeline.writer import Sql, Writer

_STEP = (
    "position, name, digest, occurrence, result, error, attempt, prompt_tokens, completion_tokens, started, seconds,"
    " detail"
)
RETRIED = ("failed", "escalated")
"""Statuses from which a record can be served once more."""

_STARTED = "json_extract(body, '$.event') = 'RecordStarted'"
_ACTION = "key, record, name, digest, occurrence, arguments, state, result, intent, approval, reserved, committed"


@dataclass(frozen=True)
class ActionRow:
    """One line of the ledger. `arguments` and `result` are JSON, times are Unix time.

    `approval` is the digest of the arguments that a person approved, if one did.
    """

    key: str
    record: str
    name: str
    digest: str
    occurrence: int
    arguments: str
    state: Literal["reserved", "committed", "refused"] = "reserved"
    result: str | None = None
    intent: str = ""
    approval: str | None = None
    reserved: float = 0.0
    committed: float | None = None


@dataclass(frozen=True)
class Waiting:
    """A record's open question; `contract` and `field` say how an answer is read."""

    record: str
    field: str | None
    text: str
    choices: tuple[str, ...] | None
    contract: str | None
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Past:
    """What the journal holds of one record when work on it goes on.

    `said` counts updates already told, `retries` how often the record was opened again after it had ended.
    """

    today: date
    steps: Mapping[str, StepRow]
    actions: Mapping[str, ActionRow]
    said: int = 0
    retries: int = 0


class Journal:
    """Open with `Journal.open`; close with `close`, or use it as an async context manager."""

    def __init__(self, path: Path, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._thread = Writer(path, writer)

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
            ("INSERT INTO runs (started, manifest) VALUES (?, ?)", (time.time(), _json(manifest))),
        )

    def end_run(self) -> None:
        """Note that the latest process came to its end. Not waited for."""
        self._thread.write_soon(
            ("UPDATE runs SET finished = ? WHERE number = (SELECT max(number) FROM runs)", (time.time(),)),
        )

    def begin(self, record: str, conversation: str, today: date) -> None:
        """Note a record on which work starts. Not waited for: whatever else is written about it is written after it."""
        self._thread.write_soon(
            (
                "INSERT OR IGNORE INTO records (id, input, today, started) VALUES (?, ?, ?, ?)",
                (record, conversation, today.isoformat(), time.time()),
            ),
        )

    async def start(self, event: RecordStarted, alone: bool = False) -> None:
        """Make durable that a record is being served, alone or not: should that kill us, the next run must know."""
        mark: list[Sql] = [("UPDATE records SET alone = ? WHERE id = ?", (int(alone), event.record))]
        await self._thread.write(*(mark if alone or event.resumed else ()), _insert_event(event))

    def tell(self, event: Event) -> None:
        """Keep an event. Not waited for."""
        self._thread.write_soon(_insert_event(event))

    async def keep(self, record: str, step: StepRow) -> None:
        """Make a step durable; returns when it is. JournalError if the disk does not take it."""
        await self._thread.write(_insert_step(record, step))

    async def reserve(self, action: ActionRow) -> None:
        """Make durable that an action is about to happen."""
        await self._thread.write(
            (
                f"INSERT INTO actions ({_ACTION}) VALUES (?, ?, ?, ?, ?, ?, 'reserved', NULL, ?, ?, ?, NULL)"
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
        await self._thread.write(
            _insert_step(record, step),
            (
                "UPDATE actions SET state = ?, result = ?, committed = ? WHERE key = ?",
                (state, step.result, time.time(), key),
            ),
            firm=True,
        )

    async def park(self, record: str, step: StepRow, question: Question) -> None:
        """Make a question durable. `step` is the asking step, still without a result."""
        choices = None if question.choices is None else _json(question.choices)
        await self._thread.write(
            # A question of an earlier pass that the workflow no longer asks would otherwise take the answer.
            ("DELETE FROM questions WHERE record = ? AND position = ? AND answer IS NULL", (record, step.position)),
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
                    _json(question.answer_schema),
                ),
            ),
        )

    async def answer(self, record: str, text: str) -> None:
        """Answer the question that a record waits for; running the batch again goes on from there.

        JournalError if the record does not wait.
        """
        row = self._read(
            "SELECT q.number, q.position, q.digest, q.occurrence, q.asked FROM questions AS q"
            " JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
            " WHERE q.record = ? AND q.answer IS NULL ORDER BY q.number LIMIT 1",
            (record,),
        )
        if not row:
            raise JournalError(f"Record '{record}' does not wait for an answer: look at its status in results.jsonl.")
        number, position, digest, occurrence, asked = row[0]
        step = StepRow(position, "ask", digest, occurrence, json.dumps(text), started=asked)
        await self._thread.write(
            ("UPDATE questions SET answer = ?, answered = ? WHERE number = ?", (text, time.time(), number)),
            _insert_step(record, step),
            ("DELETE FROM questions WHERE record = ? AND answer IS NULL", (record,)),
            ("UPDATE records SET status = NULL, outcome = NULL, finished = NULL WHERE id = ?", (record,)),
            firm=True,
        )

    async def retry(self, which: Collection[str]) -> None:
        """Open records again, by status ("failed", "escalated") or id, to be served once more with other draws.

        Steps up to the first that failed stay; what a person answered before that, and every action done, is kept.
        JournalError, with nothing changed, for an id that has no status to go back from.
        """
        rows = self._read("SELECT id, status FROM records WHERE status IS NOT NULL")
        chosen = [id for id, status in rows if (status in which and status in RETRIED) or id in which]
        missing = set(which) - set(RETRIED) - set(chosen)
        if missing:
            raise JournalError(f"There is no finished record '{sorted(missing)[0]}' to retry: see `interlock inspect`.")
        for id in chosen:
            steps = sorted(self.steps(id), key=lambda step: step.started)
            failed = next((step.started for step in steps if _failed(step)), steps[0].started if steps else 0.0)
            await self._thread.write(
                ("DELETE FROM steps WHERE record = ? AND started + seconds >= ?", (id, failed)),
                ("DELETE FROM questions WHERE record = ? AND asked >= ?", (id, failed)),
                (
                    "UPDATE records SET status = NULL, outcome = NULL, finished = NULL, traceback = NULL,"
                    " retries = retries + 1, suspicion = 0, alone = 0 WHERE id = ?",
                    (id,),
                ),
                firm=True,
            )

    async def resolve(self, record: str, text: str) -> None:
        """A person took an escalated record over and says what came of it. JournalError if it is not escalated."""
        rows = self._read("SELECT outcome FROM records WHERE id = ? AND status = 'escalated'", (record,))
        if not rows:
            raise JournalError(f"Record '{record}' is not with a person: look at its status in results.jsonl.")
        row = json.loads(rows[0][0])
        row |= {"status": "completed", "message": text, "result": None, "contract": None}
        await self._thread.write(
            (
                "INSERT INTO questions (record, position, digest, occurrence, text, answer, asked, answered, kind)"
                " VALUES (?, 'end', '', 0, ?, ?, ?, ?, 'escalation')",
                (record, row["escalation"]["reason"], text, time.time(), time.time()),
            ),
            ("UPDATE records SET status = 'completed', outcome = ? WHERE id = ?", (_json(row), record)),
            firm=True,
        )

    async def finish(self, outcome: Outcome, traceback: str | None = None) -> str:
        """Make a record's outcome durable. Returns its line for results.jsonl, without the line break."""
        line = _json(outcome.row())
        await self._thread.write(
            (
                "UPDATE records SET status = ?, intent = ?, outcome = ?, traceback = ?, finished = ? WHERE id = ?",
                (outcome.status, outcome.intent, line, traceback, time.time(), outcome.custom_id),
            )
        )
        return line

    # Reading

    def past(self, record: str) -> Past | None:
        """What is known of a record, or None if work on it never began."""
        row = self._read("SELECT today, retries FROM records WHERE id = ?", (record,))
        if not row:
            return None
        told = self._read(
            "SELECT count(*) FROM events WHERE record = ? AND json_extract(body, '$.event') = 'Said'", (record,)
        )
        return Past(
            today=date.fromisoformat(row[0][0]),
            steps={step.position: step for step in self.steps(record)},
            actions={
                row[0]: ActionRow(*row)
                for row in self._read(f"SELECT {_ACTION} FROM actions WHERE record = ?", (record,))
            },
            said=told[0][0],
            retries=row[0][1],
        )

    def steps(self, record: str) -> list[StepRow]:
        """A record's steps in the order in which they ended."""
        rows = self._read(f"SELECT {_STEP} FROM steps WHERE record = ? ORDER BY started + seconds", (record,))
        return [StepRow(*(*row[:-1], json.loads(row[-1]))) for row in rows]

    def actions(self, record: str | None = None) -> list[ActionRow]:
        """The ledger, of all records or of one, oldest first."""
        one = "" if record is None else "WHERE record = ? "
        rows = self._read(f"SELECT {_ACTION} FROM actions {one}ORDER BY reserved", (record,) if record else ())
        return [ActionRow(*row) for row in rows]

    def waiting(self, record: str | None = None) -> Iterator[Waiting]:
        """The open questions of all records that wait, or of one, oldest first."""
        one = "" if record is None else " AND q.record = ?"
        for id, field, text, choices, contract, schema in self._rows(
            "SELECT q.record, q.field, q.text, q.choices, q.contract, q.schema FROM questions AS q"
            " JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
            f" WHERE q.answer IS NULL{one} GROUP BY q.record HAVING q.number = min(q.number) ORDER BY q.number",
            (record,) if record else (),
        ):
            known = None if choices is None else tuple(json.loads(choices))
            yield Waiting(id, field, text, known, contract, json.loads(schema) if schema else {"type": "string"})

    def escalated(self) -> Iterator[dict[str, Any]]:
        """The results.jsonl rows of the records that a person has to take over."""
        for (line,) in self._rows("SELECT outcome FROM records WHERE status = 'escalated' ORDER BY finished"):
            yield json.loads(line)

    def transcript(self, record: str) -> list[dict[str, str]]:
        """What was said, asked and answered, in order."""
        known = self.record(record)
        turns = [] if known is None else [{"role": role, "text": text} for role, text in json.loads(known[0])]
        for text, answer in self._read(
            "SELECT text, answer FROM questions WHERE record = ? AND answer IS NOT NULL ORDER BY number", (record,)
        ):
            turns += [{"role": "assistant", "text": text}, {"role": "customer", "text": answer}]
        return turns

    def unfinished(self) -> Iterator[Record]:
        """The records that were begun and have no status."""
        after = 0
        # Page by page: a read that stays open would keep the log from being merged into the file.
        while page := self._read(
            "SELECT rowid, id, input FROM records WHERE status IS NULL AND rowid > ? ORDER BY rowid LIMIT 500", (after,)
        ):
            for after, id, input in page:  # noqa: B007 (the last one of a page is where the next one starts)
                yield Record.restore(id, input)

    def suspects(self) -> dict[str, int]:
        """The suspicion of each unfinished record that was in flight when a process was killed."""
        return dict(self._read("SELECT id, suspicion FROM records WHERE status IS NULL AND suspicion > 0"))

    def unexplained(self) -> int:
        """How many runs were killed with no record in flight that is under suspicion still, or was convicted of it."""
        rows = self._read(
            "SELECT count(*) FROM (SELECT started, finished, lead(started) OVER (ORDER BY number) AS next FROM runs)"
            " AS run WHERE finished IS NULL AND next IS NOT NULL AND NOT EXISTS ("
            f"SELECT 1 FROM events WHERE at >= run.started AND at < run.next AND {_STARTED} AND record IN ("
            "SELECT id FROM records WHERE suspicion > 0 AND (status IS NULL OR (status = 'failed' AND suspicion >= ?))"
            "))",
            (2 * TWICE,),
        )
        return int(rows[0][0])

    def begun(self) -> bool:
        """Whether work on any record was begun."""
        return bool(self._read("SELECT 1 FROM records LIMIT 1"))

    def record(self, id: str) -> tuple[str, str | None] | None:
        """A record's input as JSON, and its status (None = unfinished); None if it was not begun."""
        rows = self._read("SELECT input, status FROM records WHERE id = ?", (id,))
        return (rows[0][0], rows[0][1]) if rows else None

    def lines(self) -> Iterator[str]:
        """The results.jsonl lines of all records that have a status, in the order in which they got it."""
        for (line,) in self._rows("SELECT outcome FROM records WHERE status IS NOT NULL ORDER BY finished"):
            yield line

    def events(self, record: str) -> list[dict[str, Any]]:
        """What was told about a record, oldest first."""
        rows = self._read("SELECT body FROM events WHERE record = ? ORDER BY number", (record,))
        return [json.loads(body) for (body,) in rows]

    def traceback(self, record: str) -> str | None:
        """Why a record failed, for whoever mends it."""
        rows = self._read("SELECT traceback FROM records WHERE id = ?", (record,))
        return rows[0][0] if rows else None

    def _read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        return list(self._rows(sql, parameters))

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        try:
            yield from self._reader.execute(sql, parameters)
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be read ({error}): check the disk, then run again.") from error


def _failed(step: StepRow) -> bool:
    """Whether a step raised, or is a model's answer that broke a rule."""
    return step.error is not None or ("rung" in step.detail and bool(json.loads(step.result or "{}").get("error")))


def _insert_event(event: Event) -> Sql:
    body = event_row(event)
    return (
        "INSERT INTO events (record, at, body) VALUES (?, ?, ?)",
        (body.pop("record"), time.time(), json.dumps(body)),  # in ASCII: an event may hold half a surrogate pair
    )


def _insert_step(record: str, step: StepRow) -> Sql:
    return (
        f"INSERT INTO steps (record, {_STEP}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            _json(step.detail) if step.detail else "{}",
        ),
    )


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: json.dumps makes one a call
