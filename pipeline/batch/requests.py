"""Requests: a file of requests, read once. Knows lines and ids; serves nothing.

What was read is kept in a temporary database on disk, so that memory does not grow with the file, and so that a pipe,
which can be read only once, is as good as a file.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.record import BadRecord, Record


@dataclass(frozen=True)
class BadLine:
    """An input line that cannot be served; `line` counts from 1, `reason` is one sentence."""

    line: int
    reason: str


class Requests:
    """Make it with `read_requests`. Iterating gives the records in order; of a repeated id only the first."""

    def __init__(self, source: Path, model: str = "") -> None:
        self.source = source
        self.model = model
        self._kept = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # on disk, gone with us
        weakref.finalize(self, self._kept.close)
        self._kept.executescript(
            "CREATE TABLE records (line INTEGER PRIMARY KEY, id TEXT UNIQUE, input TEXT, raw BLOB);"
            "CREATE TABLE bad (line INTEGER PRIMARY KEY, reason TEXT); BEGIN;"
        )
        for number, line in _lines(source):
            try:
                self._keep(number, line, Record.parse(_json(line), model))
            except BadRecord as error:
                self._kept.execute("INSERT INTO bad VALUES (?, ?)", (number, str(error)))
        self._kept.execute("COMMIT")
        self.records: int = self._kept.execute("SELECT count(*) FROM records").fetchone()[0]
        self.errors: int = self._kept.execute("SELECT count(*) FROM bad").fetchone()[0]

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self.lines())

    def lines(self) -> Iterator[tuple[Record, bytes]]:
        """The records in order, each with the line of the file that it is in."""
        for id, input, raw in self._kept.execute("SELECT id, input, raw FROM records ORDER BY line"):
            yield Record.restore(id, input), raw

    def bad_lines(self) -> Iterator[BadLine]:
        """The lines that are no requests, in order."""
        for number, reason in self._kept.execute("SELECT line, reason FROM bad ORDER BY line"):
            yield BadLine(number, reason)

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """What the customers said, of a few records by id."""
        marks = ", ".join("?" * len(ids))
        rows = self._kept.execute(f"SELECT id, input FROM records WHERE id IN ({marks})", tuple(ids))
        return {id: Record.restore(id, input).text for id, input in rows}

    def _keep(self, number: int, line: bytes, record: Record) -> None:
        kept = self._kept.execute(
            "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?)", (number, record.id, record.input, line)
        )
        if not kept.rowcount:
            (first,) = self._kept.execute("SELECT line FROM records WHERE id = ?", (record.id,)).fetchone()
            raise BadRecord(f'"custom_id" is the same as in line {first}.')


def read_requests(source: Path, model: str = "") -> Requests:
    """Read a file of requests, one JSON object a line. UsageError if there is no request in it at all.

    `model`: the name that a line in OpenAI's form may give as its model, the app's; "": none may be given.
    """
    try:
        requests = Requests(source, model)
    except sqlite3.Error as error:
        raise UsageError(
            f"{source} cannot be kept in the folder for temporary files ({error}): free space there, or name another"
            " with TMPDIR."
        ) from error
    if not requests.records:
        first = next(requests.bad_lines(), None)
        why = f"its first line: {first.reason}" if first else "it is empty"
        raise UsageError(f'{source} has no request that can be read ({why}): write one {{"custom_id", "text"}} a line.')
    return requests


def _lines(source: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with source.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # a byte order mark
                if line.strip():
                    yield number, line
    except OSError as error:
        raise UsageError(f"{source} cannot be read ({error.strerror}): check the path.") from error


def _json(line: bytes) -> object:
    try:
        value: object = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRecord("The line is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise BadRecord("The line is not JSON.") from None
    return value
