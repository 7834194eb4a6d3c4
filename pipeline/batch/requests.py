"""Requests: a file of requests, read line by line as often as it is needed. Knows lines and ids; serves nothing.

What has to be remembered about a million lines (which ids were seen where, which lines are bad) is kept in a temporary
database on disk, so that memory does not grow with the file.
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

    def __init__(self, source: Path) -> None:
        self.source = source
        self._lines = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # on disk, gone with us
        weakref.finalize(self, self._lines.close)
        self._lines.executescript(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;"
            "CREATE TABLE bad (line INTEGER PRIMARY KEY, reason TEXT); BEGIN;"
        )
        for number, line in _lines(source):
            try:
                id = Record.parse(_json(line)).id
                if not self._lines.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id, number)).rowcount:
                    raise BadRecord(f'"custom_id" is the same as in line {self._line(id)}.')
            except BadRecord as error:
                self._lines.execute("INSERT INTO bad VALUES (?, ?)", (number, str(error)))
        self._lines.execute("COMMIT")
        self.records: int = self._lines.execute("SELECT count(*) FROM seen").fetchone()[0]
        self.errors: int = self._lines.execute("SELECT count(*) FROM bad").fetchone()[0]

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self.lines())

    def lines(self) -> Iterator[tuple[Record, bytes]]:
        """The records in order, each with the line of the file that it is in."""
        for number, line in _lines(self.source):
            try:
                record = Record.parse(_json(line))
            except BadRecord:
                continue
            if not self.errors or self._line(record.id) == number:  # without errors, no id is there twice
                yield record, line

    def bad_lines(self) -> Iterator[BadLine]:
        """The lines that are no requests, in order."""
        for number, reason in self._lines.execute("SELECT line, reason FROM bad ORDER BY line"):
            yield BadLine(number, reason)

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """What the customers said, of a few records by id."""
        return {record.id: record.text for record in self if record.id in ids} if ids else {}

    def _line(self, id: str) -> int | None:
        row = self._lines.execute("SELECT line FROM seen WHERE id = ?", (id,)).fetchone()
        return None if row is None else int(row[0])


def read_requests(source: Path) -> Requests:
    """Read a file of requests, one JSON object a line. UsageError if there is no request in it at all."""
    requests = Requests(source)
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
