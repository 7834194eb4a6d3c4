"""Requests: files of requests, read once. Knows lines and ids; serves nothing.

What was read is kept in a temporary database on disk, so that memory does not grow with the file, and so that a pipe,
which can be read only once, is as good as a file.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.batch.sources import opened
from pipeline.errors import UsageError
from pipeline.json_text import JsonFault, NotJson, read_json
from pipeline.record import BATCH_KEYS, TEXT_KEYS, BadRecord, Record, read_id

Read = Callable[[object], Record]
"""Makes a record of a line's JSON, or raises BadRecord."""

Rows = Callable[[Path | str], Iterator[tuple[int, bytes, object]]]
"""Reads a source: number, what it came from as a line of JSON, and the value or BadRecord, of each row."""

LONGEST_LINE = 16 * 2**20
"""Bytes of a line that is read; one that is longer is passed over without being kept in memory."""


@dataclass(frozen=True)
class BadLine:
    """An input line that cannot be served; `line` counts from 1, `reason` is one sentence.

    `id`: its custom_id, if it is known; `file`: where it stands, if several files were read.
    """

    line: int
    reason: str
    id: str | None = None
    file: str | None = None

    def row(self) -> dict[str, object]:
        """Ready for JSON."""
        more = {"custom_id": self.id, "file": self.file}
        return {
            "line": self.line,
            "reason": self.reason,
            **{name: one for name, one in more.items() if one is not None},
        }


class Requests:
    """Make it with `read_requests`. Iterating gives the records in order; of a repeated id only the first."""

    def __init__(
        self,
        sources: Sequence[Path | str],
        read: Read = Record.parse,
        rows: Rows | None = None,
        names: str = "custom_id",
        limit: int = 0,
    ) -> None:
        self.read = read
        self._names = names
        self._kept = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # on disk, gone with us
        weakref.finalize(self, self._kept.close)
        self._kept.executescript(
            "CREATE TABLE records (number INTEGER PRIMARY KEY, line INTEGER, file TEXT, id TEXT UNIQUE, input TEXT,"
            " raw BLOB);"
            "CREATE TABLE bad (number INTEGER PRIMARY KEY, line INTEGER, reason TEXT, id TEXT, file TEXT); BEGIN;"
        )
        self.unread: Counter[str] = Counter()
        """Names in the lines that nobody reads, and in how many; nothing where the app reads lines in its own way."""
        own = _is_own(read)
        found = ((source, *row) for source in sources for row in (rows or json_lines)(source))
        for source, line, raw, value in islice(found, limit or None):
            file = str(source) if len(sources) > 1 else None
            try:
                if isinstance(value, BadRecord):
                    raise value
                if own and isinstance(value, dict):
                    self.unread.update(value.keys() - (TEXT_KEYS if "text" in value else BATCH_KEYS))
                self._keep(line, file, raw, read(value))
            except BadRecord as error:
                bad = (line, str(error), error.id, file)
                self._kept.execute("INSERT INTO bad (line, reason, id, file) VALUES (?, ?, ?, ?)", bad)
        self._kept.execute("COMMIT")
        self.records: int = self._kept.execute("SELECT count(*) FROM records").fetchone()[0]
        self.errors: int = self._kept.execute("SELECT count(*) FROM bad").fetchone()[0]

    def sample(self, most: int) -> None:
        """Keep at most so many records, spread over the input: the same ones of the same input each time."""
        spread = "SELECT number FROM records ORDER BY (number * 2654435761) % 4294967296 LIMIT ?"  # Knuth's hash
        self._kept.execute(f"DELETE FROM records WHERE number NOT IN ({spread})", (most,))
        self.records = min(self.records, most)

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self.lines())

    def lines(self) -> Iterator[tuple[Record, bytes]]:
        """The records in order, each with the line of the file that it is in."""
        for id, input, raw in self._kept.execute("SELECT id, input, raw FROM records ORDER BY number"):
            yield Record.restore(id, input), raw

    def bad_lines(self) -> Iterator[BadLine]:
        """The lines that are no requests, in order."""
        for row in self._kept.execute("SELECT line, reason, id, file FROM bad ORDER BY number"):
            yield BadLine(*row)

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """What the customers said, of a few records by id."""
        marks = ", ".join("?" * len(ids))
        rows = self._kept.execute(f"SELECT id, input FROM records WHERE id IN ({marks})", tuple(ids))
        return {id: Record.restore(id, input).text for id, input in rows}

    def _keep(self, line: int, file: str | None, raw: bytes, record: Record) -> None:
        kept = self._kept.execute(
            "INSERT OR IGNORE INTO records (line, file, id, input, raw) VALUES (?, ?, ?, ?, ?)",
            (line, file, record.id, record.input, raw),
        )
        if not kept.rowcount:
            first, where = self._kept.execute("SELECT line, file FROM records WHERE id = ?", (record.id,)).fetchone()
            raise BadRecord(
                f'"{self._names}" is the same as in line {first}{f" of {where}" if where else ""}.', record.id
            )


def _is_own(read: Read) -> bool:
    """Whether lines are read as this package does, and not by an app in its own way."""
    return getattr(read, "func", read) == Record.parse


def read_requests(
    source: Path | str | Sequence[Path | str],
    read: Read = Record.parse,
    rows: Rows | None = None,
    names: str = "custom_id",
    limit: int = 0,
) -> Requests:
    """Read files of requests, one JSON object a line. UsageError if there is no request in them at all.

    `read` makes a record of a line's JSON, or raises BadRecord: `App.read` of the app that serves it. A file is a path,
    compressed if its name says so, or an address that fsspec knows ("s3://…", "hf://…"). `rows`: reads a file that is
    no lines of requests. `names`: what holds a record's id, for whoever is told of two that are the same. `limit`: only
    the first so many lines of all files together; 0: all.
    """
    sources = [source] if isinstance(source, Path | str) else list(source)
    told = " and ".join(map(str, sources))
    try:
        requests = Requests(sources, read, rows, names, limit)
    except sqlite3.Error as error:
        raise UsageError(
            f"{told} cannot be kept in the folder for temporary files ({error}): free space there, or name another"
            " with TMPDIR."
        ) from error
    if not requests.records:
        first = next(requests.bad_lines(), None)
        why = f"its first line: {first.reason.rstrip('.')}" if first else "it is empty"
        own = rows is None and _is_own(read)
        mend = 'write one {"custom_id", "text"} a line.' if own else "mend that."
        raise UsageError(f"{told} has no request that can be read ({why}): {mend}")
    return requests


def json_lines(source: Path | str) -> Iterator[tuple[int, bytes, object]]:
    """As `Rows`: each line is the JSON of a request."""
    for number, line in lines_of(source):
        value: object
        try:
            value = json_of(line)
        except BadRecord as error:
            value = error
        yield number, line, value


def lines_of(source: Path | str) -> Iterator[tuple[int, bytes]]:
    """The lines of a source that are not blank, with their numbers; of one that is too long only the beginning."""
    with opened(source) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield number, line
                continue
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # a byte order mark
            if line.strip():
                yield number, line


def json_of(line: bytes, numbers: bool = False) -> object:
    """The value of a line of JSON; `numbers` as for `read_json`. BadRecord, with the line's custom_id if it has one."""
    if len(line) > LONGEST_LINE:
        raise BadRecord(f"The line is longer than {LONGEST_LINE // 2**20} MiB.")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRecord("The line is not UTF-8.") from None
    try:
        return read_json(text, "The line", numbers)
    except NotJson:  # in the words of the folders that are gone on with
        raise BadRecord("The line is not JSON.") from None
    except JsonFault as error:
        raise BadRecord(str(error), _id_in(text)) from None


def _id_in(text: str) -> str | None:
    """The one custom_id of a line that is refused as a whole."""
    try:
        pairs: object = json.loads(text, object_pairs_hook=list)
        ids = [value for name, value in pairs if name == "custom_id"] if isinstance(pairs, list) else []
        return read_id(ids[0]) if len(ids) == 1 else None
    except (ValueError, TypeError, RecursionError):  # no object, or no JSON at all
        return None
