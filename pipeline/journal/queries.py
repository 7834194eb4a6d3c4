"""Queries: what a journal tells of its records, short queries one after the other. Writes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.errors import JournalError
from pipeline.journal.quarantine import TWICE
from pipeline.journal.rows import ActionRow, Approved, Past, StepRow, Waiting
from pipeline.journal.tables import ACTION_COLUMNS, STEP_COLUMNS, connect
from pipeline.record import Record

_STARTED = "json_extract(body, '$.event') = 'RecordStarted'"


class Queries:
    """The reading half of a `Journal`: see there."""

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self.path = path
        self._reader = reader

    def past(self, record: str) -> Past | None:
        """What is known of a record, or None if work on it never began."""
        row = self.read("SELECT today, retries FROM records WHERE id = ?", (record,))
        if not row:
            return None
        told = self.read(
            "SELECT body FROM events WHERE record = ? AND json_extract(body, '$.event') = 'Said' ORDER BY number",
            (record,),
        )
        return Past(
            today=date.fromisoformat(row[0][0]),
            steps={step.position: step for step in self.steps(record)},
            actions={
                row[0]: ActionRow(*row)
                for row in self.read(f"SELECT {ACTION_COLUMNS} FROM actions WHERE record = ?", (record,))
            },
            told=[json.loads(body)["text"] for (body,) in told],
            retries=row[0][1],
            answers={
                (position, marked): answer
                for position, marked, answer in self.read(
                    "SELECT position, digest, answer FROM questions"
                    " WHERE record = ? AND answer IS NOT NULL AND kind = 'question'",
                    (record,),
                )
            },
        )

    def steps(self, record: str) -> list[StepRow]:
        """A record's steps in the order in which they ended."""
        rows = self.read(f"SELECT {STEP_COLUMNS} FROM steps WHERE record = ? ORDER BY started + seconds", (record,))
        return [StepRow(*(*row[:-1], json.loads(row[-1]))) for row in rows]

    def actions(self, record: str | None = None) -> list[ActionRow]:
        """The ledger, of all records or of one, oldest first."""
        one = "" if record is None else "WHERE record = ? "
        rows = self.read(f"SELECT {ACTION_COLUMNS} FROM actions {one}ORDER BY reserved", (record,) if record else ())
        return [ActionRow(*row) for row in rows]

    def waiting(self, record: str | None = None) -> Iterator[Waiting]:
        """The open questions of all records of batches that wait, oldest first, or that of any one record."""
        one = " AND r.conversation IS NULL" if record is None else " AND q.record = ?"
        for id, field, text, choices, contract, schema, role, action, arguments in self.rows(
            "SELECT q.record, q.field, q.text, q.choices, q.contract, q.schema, a.role, a.action, a.arguments"
            " FROM questions AS q LEFT JOIN approvals AS a ON a.record = q.record AND a.position = q.position"
            " JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
            f" WHERE q.answer IS NULL{one} GROUP BY q.record HAVING q.number = min(q.number) ORDER BY q.number",
            (record,) if record else (),
        ):
            known = None if choices is None else tuple(json.loads(choices))
            kind = json.loads(schema) if schema else {"type": "string"}
            yield Waiting(id, field, text, known, contract, kind, role, action, arguments)

    def last_answered(self, record: str) -> tuple[str, tuple[str, ...] | None] | None:
        """The last answer that a record got to a question, and the choices that there were."""
        for answer, choices in self.rows(
            "SELECT answer, choices FROM questions WHERE record = ? AND answer IS NOT NULL AND kind <> 'expired'"
            " ORDER BY number DESC LIMIT 1",
            (record,),
        ):
            return answer, None if choices is None else tuple(json.loads(choices))
        return None

    def unapproved(self) -> list[Waiting]:
        """What waits for an approval, of batches and of conversations, oldest first."""
        records = self.read("SELECT record FROM approvals WHERE answer IS NULL ORDER BY asked")
        waiting = (next(self.waiting(record), None) for (record,) in records)
        return [one for one in waiting if one is not None and one.role is not None]

    def approvals(self) -> list[Approved]:
        """Who approved what, or did not, oldest first."""
        rows = self.read(
            "SELECT record, action, digest, role, answer, by, answered FROM approvals WHERE answer IS NOT NULL"
            " ORDER BY answered"
        )
        return [Approved(*row) for row in rows]

    def escalated(self) -> Iterator[dict[str, Any]]:
        """The results.jsonl rows of the records that a person has to take over."""
        for (line,) in self.rows("SELECT outcome FROM records WHERE status = 'escalated' ORDER BY finished"):
            yield json.loads(line)

    def transcript(self, record: str) -> list[dict[str, str]]:
        """What was said, asked and answered, in order."""
        known = self.record(record)
        turns = [] if known is None else [{"role": role, "text": text} for role, text, *_ in json.loads(known[0])]
        for text, answer, kind in self.read(
            "SELECT text, answer, kind FROM questions WHERE record = ? AND answer IS NOT NULL ORDER BY number",
            (record,),
        ):
            turns.append({"role": "assistant", "text": text})
            turns += [{"role": "customer", "text": answer}] if kind != "expired" else []
        return turns

    def unfinished(self) -> Iterator[Record]:
        """The records of batches that were begun and have no status."""
        after = 0
        # Page by page: a read that stays open would keep the log from being merged into the file.
        while page := self.read(
            "SELECT rowid, id, input FROM records WHERE status IS NULL AND conversation IS NULL AND rowid > ?"
            " ORDER BY rowid LIMIT 500",
            (after,),
        ):
            for after, id, input in page:  # noqa: B007 (the last one of a page is where the next one starts)
                yield Record.restore(id, input)

    def suspects(self) -> dict[str, int]:
        """The suspicion of each unfinished record that was in flight when a process was killed."""
        return dict(self.read("SELECT id, suspicion FROM records WHERE status IS NULL AND suspicion > 0"))

    def unexplained(self) -> int:
        """How many runs were killed with no record in flight that is under suspicion still, or was convicted of it."""
        rows = self.read(
            "SELECT count(*) FROM (SELECT started, finished, lead(started) OVER (ORDER BY number) AS next FROM runs)"
            " AS run WHERE finished IS NULL AND next IS NOT NULL AND NOT EXISTS ("
            f"SELECT 1 FROM events WHERE at >= run.started AND at < run.next AND {_STARTED} AND record IN ("
            "SELECT id FROM records WHERE suspicion > 0 AND (status IS NULL OR (status = 'failed' AND suspicion >= ?))"
            "))",
            (2 * TWICE,),
        )
        return int(rows[0][0])

    def expected(self) -> int | None:
        """How many records the latest run was given; None where it was given none, or the journal is of before."""
        rows = self.read("SELECT value FROM meta WHERE key = 'expected'")
        return int(rows[0][0]) if rows else None

    def begun(self) -> bool:
        """Whether work on any record was begun."""
        return bool(self.read("SELECT 1 FROM records LIMIT 1"))

    def record(self, id: str) -> tuple[str, str | None] | None:
        """A record's input as JSON, and its status (None = unfinished); None if it was not begun."""
        rows = self.read("SELECT input, status FROM records WHERE id = ?", (id,))
        return (rows[0][0], rows[0][1]) if rows else None

    def outcome(self, record: str) -> dict[str, Any] | None:
        """A record's results.jsonl row; None if it has no status."""
        rows = self.read("SELECT outcome FROM records WHERE id = ? AND outcome IS NOT NULL", (record,))
        return json.loads(rows[0][0]) if rows else None

    def lines(self) -> Iterator[str]:
        """The results.jsonl lines of all records that have a status, in the order in which they got it."""
        for (line,) in self.rows("SELECT outcome FROM records WHERE status IS NOT NULL ORDER BY finished"):
            yield line

    def events(self, record: str) -> list[dict[str, Any]]:
        """What was told about a record, oldest first."""
        rows = self.read("SELECT body FROM events WHERE record = ? ORDER BY number", (record,))
        return [json.loads(body) for (body,) in rows]

    def ends(self, record: str) -> int:
        """How many ends of parts of a message its people were told of."""
        rows = self.read(
            "SELECT count(*) FROM events WHERE record = ?"
            " AND json_extract(body, '$.event') IN ('Answered', 'Escalated', 'Failed')",
            (record,),
        )
        return int(rows[0][0])

    def traceback(self, record: str) -> str | None:
        """Why a record failed, for whoever mends it."""
        rows = self.read("SELECT traceback FROM records WHERE id = ?", (record,))
        return rows[0][0] if rows else None

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """The rows of a query, for readings in files of their own. JournalError if the file cannot be read."""
        return list(self.rows(sql, parameters))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """As `read`, one row after the other."""
        try:
            yield from self._reader.execute(sql, parameters)
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be read ({error}): check the disk, then run again.") from error


@contextmanager
def reading(path: Path) -> Iterator[Queries]:
    """The journal at `path`, which another connection may be writing, for the length of a block.

    JournalError if it cannot be opened: on a full disk there is no room for what readers and the writer share.
    """
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be read ({error}): free space or check the disk.") from error
    try:
        yield Queries(path, connection)
    finally:
        connection.close()
