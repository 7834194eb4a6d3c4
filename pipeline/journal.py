"""Journal: one SQLite file that holds every step of every record, once, before its result is used.

It knows rows and their durability; it does not know workflows, engines or prompts. Resume, parked questions, the
action ledger, receipts and traces are readings of these tables:

    meta       schema_version
    runs       one row per process that worked on this file
    records    input, status and outcome of each record; status NULL = not finished
    steps      one row per step, primary key (record, position)
    actions    reserved → committed, primary key = idempotency key
    questions  what was asked of a person, and the answer
    events     what was told while it happened

One thread writes: it takes whatever has queued up and commits it as one transaction (group commit), so that the event
loop never waits for the disk and all records in flight share its commits. Every commit survives a killed process. What
the world outside has seen or is about to see (actions, a person's answers) also survives a power cut: such a commit is
`synchronous=FULL`, the others NORMAL. WAL is written in order, so a power cut can only take away the latest steps, none
of them before a reserved action; they are then done again. Measured on the development machine's disk with three steps
a record: 1,300 records/s with one in flight, against 420 with FULL throughout; with 64 in flight, where the group
shares its fsync, there is no difference (2,400 either way). Reads are short and use a second connection, which WAL
keeps out of the writer's way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pipeline.errors import JournalError
from pipeline.events import Event, event_row
from pipeline.outcome import Outcome, Question
from pipeline.step import StepRow

SCHEMA_VERSION = 1
GROUP = 512
"""Most writes in one transaction, so that the first of them does not wait long for the last."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, started REAL NOT NULL, finished REAL, manifest TEXT NOT NULL
) STRICT;
CREATE TABLE records (
    id TEXT PRIMARY KEY, input TEXT NOT NULL, today TEXT NOT NULL, status TEXT, intent TEXT, outcome TEXT,
    traceback TEXT, started REAL NOT NULL, finished REAL
) STRICT;
CREATE TABLE steps (
    record TEXT NOT NULL, position TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL,
    result TEXT, error TEXT, attempt INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, started REAL NOT NULL, seconds REAL NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (record, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE actions (
    key TEXT PRIMARY KEY, record TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL,
    arguments TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'refused')), result TEXT,
    reserved REAL NOT NULL, committed REAL
) STRICT, WITHOUT ROWID;
CREATE TABLE questions (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, position TEXT NOT NULL, digest TEXT NOT NULL,
    occurrence INTEGER NOT NULL, field TEXT, text TEXT NOT NULL, choices TEXT, answer TEXT, asked REAL NOT NULL,
    answered REAL, UNIQUE (record, position)
) STRICT;
CREATE TABLE events (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_record ON events (record);
"""

_STEP = (
    "position, name, digest, occurrence, result, error, attempt, prompt_tokens, completion_tokens, started, seconds,"
    " detail"
)
_ACTION = "key, record, name, digest, occurrence, arguments, state, result"


@dataclass(frozen=True)
class ActionRow:
    """One line of the ledger. `arguments` and `result` are JSON."""

    key: str
    record: str
    name: str
    digest: str
    occurrence: int
    arguments: str
    state: Literal["reserved", "committed", "refused"] = "reserved"
    result: str | None = None


@dataclass(frozen=True)
class Past:
    """What the journal holds of one record when work on it goes on. `said` counts updates already told."""

    today: date
    steps: Mapping[str, StepRow]
    actions: Mapping[str, ActionRow]
    said: int = 0


Sql = tuple[str, Sequence[object]]


@dataclass(frozen=True)
class _Write:
    """Statements that belong together; `firm`: must survive a power cut; `done` is set when they are committed."""

    statements: Sequence[Sql]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None] | None = None
    firm: bool = False


class Journal:
    """Open with `Journal.open`; close with `close`, or use it as an async context manager."""

    def __init__(self, path: Path, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._broken: str | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal at `path`, making it if there is none. JournalError if it is not one of this version."""
        try:
            writer = _connect(path)
            version = _version(writer)
            if version == 0:
                writer.executescript(
                    f"BEGIN;{_SCHEMA}INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}');COMMIT;"
                )
            elif version != SCHEMA_VERSION:
                writer.close()
                raise JournalError(
                    f"{path} was written by another version of Interlock (journal {version}, this one reads"
                    f" {SCHEMA_VERSION}): use that version, or a new folder."
                )
            return cls(path, _connect(path), writer)
        except sqlite3.Error as error:
            raise JournalError(f"{path} cannot be opened as a journal ({error}): use another folder.") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Write what is queued, then close the file. Whoever still waits for a write gets its result."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        # A thread's join is not awaitable, and the loop must keep running: the last batch wakes futures on it.
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._reader.close()
        self._writer.close()

    # Writing

    def begin_run(self, manifest: Mapping[str, Any]) -> None:
        """Note that a process started to work on this file. Not waited for."""
        self._write_soon(
            ("INSERT INTO runs (started, manifest) VALUES (?, ?)", (time.time(), _json(manifest))),
        )

    def end_run(self) -> None:
        """Note that the latest process came to its end. Not waited for."""
        self._write_soon(
            ("UPDATE runs SET finished = ? WHERE number = (SELECT max(number) FROM runs)", (time.time(),)),
        )

    def begin(self, record: str, conversation: str, today: date) -> None:
        """Note that work on a record starts. Not waited for: the record's first step is written after it."""
        self._write_soon(
            (
                "INSERT OR IGNORE INTO records (id, input, today, started) VALUES (?, ?, ?, ?)",
                (record, conversation, today.isoformat(), time.time()),
            ),
        )

    def tell(self, event: Event) -> None:
        """Keep an event. Not waited for."""
        body = event_row(event)
        self._write_soon(
            (
                "INSERT INTO events (record, at, body) VALUES (?, ?, ?)",
                (body.pop("record"), time.time(), json.dumps(body)),
            ),
        )

    async def keep(self, record: str, step: StepRow) -> None:
        """Make a step durable; returns when it is. JournalError if the disk does not take it."""
        await self._write(_insert_step(record, step))

    async def reserve(self, action: ActionRow) -> None:
        """Make durable that an action is about to happen."""
        await self._write(
            (
                f"INSERT INTO actions ({_ACTION}, reserved) VALUES (?, ?, ?, ?, ?, ?, 'reserved', NULL, ?)"
                " ON CONFLICT (key) DO UPDATE SET state = 'reserved', reserved = excluded.reserved"
                " WHERE state = 'refused'",
                (
                    action.key,
                    action.record,
                    action.name,
                    action.digest,
                    action.occurrence,
                    action.arguments,
                    time.time(),
                ),
            ),
            firm=True,
        )

    async def settle(self, record: str, key: str, state: Literal["committed", "refused"], step: StepRow) -> None:
        """Make durable that a reserved action happened, or that it certainly did not; with its step, as one."""
        await self._write(
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
        await self._write(
            # A question of an earlier pass that the workflow no longer asks would otherwise take the answer.
            ("DELETE FROM questions WHERE record = ? AND position = ? AND answer IS NULL", (record, step.position)),
            (
                "INSERT INTO questions (record, position, digest, occurrence, field, text, choices, asked)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record,
                    step.position,
                    step.digest,
                    step.occurrence,
                    question.field,
                    question.text,
                    choices,
                    time.time(),
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
        await self._write(
            ("UPDATE questions SET answer = ?, answered = ? WHERE number = ?", (text, time.time(), number)),
            _insert_step(record, step),
            ("DELETE FROM questions WHERE record = ? AND answer IS NULL", (record,)),
            ("UPDATE records SET status = NULL, outcome = NULL, finished = NULL WHERE id = ?", (record,)),
            firm=True,
        )

    async def finish(self, outcome: Outcome, traceback: str | None = None) -> str:
        """Make a record's outcome durable. Returns its line for results.jsonl, without the line break."""
        line = _json(outcome.row())
        await self._write(
            (
                "UPDATE records SET status = ?, intent = ?, outcome = ?, traceback = ?, finished = ? WHERE id = ?",
                (outcome.status, outcome.intent, line, traceback, time.time(), outcome.custom_id),
            )
        )
        return line

    # Reading

    def past(self, record: str) -> Past | None:
        """What is known of a record, or None if work on it never began."""
        row = self._read("SELECT today FROM records WHERE id = ?", (record,))
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
        )

    def steps(self, record: str) -> list[StepRow]:
        """A record's steps in the order in which they ended."""
        rows = self._read(f"SELECT {_STEP} FROM steps WHERE record = ? ORDER BY started + seconds", (record,))
        return [StepRow(*(*row[:-1], json.loads(row[-1]))) for row in rows]

    def actions(self) -> list[ActionRow]:
        """The ledger, oldest first."""
        return [ActionRow(*row) for row in self._read(f"SELECT {_ACTION} FROM actions ORDER BY reserved")]

    def records(self) -> Iterator[tuple[str, str, str | None]]:
        """Of every record that was begun: id, input as JSON, and status (None = unfinished)."""
        yield from self._rows("SELECT id, input, status FROM records ORDER BY rowid")

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

    # The writing thread

    def _write_soon(self, *statements: Sql) -> None:
        self._check()
        self._queue.put(_Write(statements, asyncio.get_running_loop()))

    async def _write(self, *statements: Sql, firm: bool = False) -> None:
        self._check()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Write(statements, loop, done, firm))
        await done

    def _check(self) -> None:
        if self._broken is not None:
            raise JournalError(self._broken)
        if self._closed:
            raise JournalError(f"{self.path} is closed already.")

    def _write_forever(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, stop = [first], False
            with contextlib.suppress(queue.Empty):
                while len(batch) < GROUP and not stop:
                    following = self._queue.get_nowait()
                    if following is None:
                        stop = True
                    else:
                        batch.append(following)
            if self._broken is None:
                self._commit_each(batch)
            else:
                _wake(batch, self._broken)
            if stop:
                return

    def _commit_each(self, batch: Sequence[_Write]) -> None:
        """Commit a batch; if the database refuses it, commit one by one, so that only the culprit fails."""
        try:
            self._commit(batch)
        except sqlite3.OperationalError as error:  # disk full, file gone: later writes would build on lost ones
            self._broken = f"{self.path} cannot be written ({error}): free space or check the disk, then run again."
            _wake(batch, self._broken)
        except Exception as error:
            if len(batch) == 1:
                _wake(batch, f"{self.path} refused an entry ({error}): this is a fault in Interlock, please report it.")
                return
            for write in batch:
                self._commit_each([write])
        else:
            _wake(batch, None)

    def _commit(self, batch: Sequence[_Write]) -> None:
        execute = self._writer.execute
        execute(f"PRAGMA synchronous = {'FULL' if any(write.firm for write in batch) else 'NORMAL'}")
        execute("BEGIN IMMEDIATE")
        try:
            for write in batch:
                for sql, parameters in write.statements:
                    execute(sql, parameters)
            execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise


def _connect(path: Path) -> sqlite3.Connection:
    # Each connection belongs to one thread at a time; the writer's moves from the opening thread to the journal's.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "meta" not in tables:
        raise sqlite3.DatabaseError("it is a database of something else")
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return int(row[0]) if row else -1


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


def _wake(batch: Iterable[_Write], broken: str | None) -> None:
    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for write in batch:
        if write.done is not None:
            waiting.setdefault(write.loop, []).append(write.done)
    for loop, futures in waiting.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, futures, broken)


def _resolve(futures: Iterable[asyncio.Future[None]], broken: str | None) -> None:
    for future in futures:
        if future.done():
            continue  # its task was cancelled
        if broken is None:
            future.set_result(None)
        else:
            future.set_exception(JournalError(broken))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
