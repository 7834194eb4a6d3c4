"""The passages of one index version, read from its SQLite file: text, metadata, conditions on metadata.

Knows SQL; knows nothing of vectors. A row number is the passage's place in the vector file too, from 0.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from index.documents import Passage, Scalar
from index.errors import DamagedIndex
from index.storage.digests import passage_digest
from index.storage.fulltext import Lexicon

Rows = npt.NDArray[np.int64]

_PASSAGE = 'path, heading, text, start, "end", byte_start, byte_end, digest'
_FROM = "passages JOIN documents ON documents.id = passages.document"
_ASKED_AT_ONCE = 500
_REMEMBERED_CONDITIONS = 16
_MAPPED = 2**31 - 65536  # the most that SQLite maps


class Condition(Protocol):
    """What selects passages. See `PassageTable.rows_where`."""

    def sql(self) -> tuple[str, Sequence[Any]]:
        """An SQL expression about one row of `passages`, and its parameters."""


class PassageTable:
    """Read access to one version's passages. Safe to use from several threads. Raises DamagedIndex."""

    def __init__(self, path: Path) -> None:
        # immutable: a version never changes, so no lock file is needed and a read-only folder will do.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
            self._connection.execute("PRAGMA cache_size = -65536")
            self._lexicon = Lexicon(self._connection)
        except sqlite3.Error as error:
            raise DamagedIndex(f"The index is damaged: {path} cannot be opened ({error})") from None
        self.path = path
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[Any, ...], Rows] = OrderedDict()

    def get(self, rows: Sequence[int]) -> list[Passage]:
        """The passages at these rows, in the order of `rows`, each compared with the hash it was written with."""
        passages: dict[int, Passage] = {}
        wanted = [int(row) for row in rows]
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            some = wanted[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(some))
            for row, *values in self._all(f"SELECT row, {_PASSAGE} FROM {_FROM} WHERE row IN ({marks})", some):
                passages[row] = self._passage(values)
        try:
            return [passages[row] for row in wanted]
        except KeyError as error:
            raise self._damaged(f"it has no row {error}") from None

    def find(self, name: str) -> Passage:
        """The passage with this id. Raises KeyError."""
        document, _, start = name.rpartition("#")
        if start.isdecimal() and len(start) < 19:
            query = f"SELECT {_PASSAGE} FROM documents JOIN passages ON document = id WHERE path = ? AND start = ?"
            for values in self._all(query, (document, int(start))):
                passage = self._passage(values)
                if passage.id == name:
                    return passage
        raise KeyError(name)

    def row(self, name: str) -> int:
        """The row of the passage with this id. Raises KeyError."""
        passage = self.find(name)
        query = "SELECT row FROM documents JOIN passages ON document = id WHERE path = ? AND start = ?"
        return int(self._all(query, (passage.document, passage.start))[0][0])

    def neighbours(self, row: int) -> tuple[int | None, int | None]:
        """The rows of the passages before and after this one in its document. Raises KeyError for a row not there."""
        query = "SELECT first, after FROM documents JOIN passages ON document = id WHERE row = ?"
        for first, after in self._all(query, (int(row),)):
            return row - 1 if row > first else None, row + 1 if row + 1 < after else None
        raise KeyError(row)

    def rows_where(self, condition: Condition) -> Rows:
        """The rows that fit, ascending. The condition's SQL is an expression over one row of `passages`; it may use
        that row's `document` and `heading`, and sub-selects from `facts` and `documents` (see table.py)."""
        expression, parameters = condition.sql()
        known = (expression, *parameters)
        with self._lock:
            if known in self._remembered:
                self._remembered.move_to_end(known)
                return self._remembered[known]
        found = self._all(f"SELECT row FROM passages WHERE {expression}", parameters)
        rows = np.sort(np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found)))
        rows.flags.writeable = False
        with self._lock:
            self._remembered[known] = rows
            while len(self._remembered) > _REMEMBERED_CONDITIONS:
                self._remembered.popitem(last=False)
        return rows

    def values(self, keys: Sequence[str]) -> list[tuple[str, str, int]]:
        """(key, text, how many documents have it) of the metadata under these keys, whatever their case."""
        marks = ", ".join("?" * len(keys))
        query = f"SELECT key, text, COUNT(*) FROM facts WHERE lower(key) IN ({marks}) AND text IS NOT NULL"
        return [(key, text, count) for key, text, count in self._all(f"{query} GROUP BY key, text", tuple(keys))]

    def metadata(self, document: str) -> dict[str, Scalar]:
        """A document's metadata. Raises KeyError for a document that is not in the index."""
        for (found,) in self._all("SELECT metadata FROM documents WHERE path = ?", (document,)):
            metadata: dict[str, Scalar] = json.loads(found)
            return metadata
        raise KeyError(document)

    def documents(self) -> dict[str, tuple[str, int, int]]:
        """Path → hash of the content, first row, and the row after the last; in the order of rows."""
        found = self._all("SELECT path, sha256, first, after FROM documents ORDER BY id", ())
        return {path: (sha256, first, after) for path, sha256, first, after in found}

    def meanings(self) -> list[bytes]:
        """What each row means to an encoder (see digests.py)."""
        return [meaning for (meaning,) in self._all("SELECT meaning FROM passages ORDER BY row", ())]

    def contexts(self) -> dict[bytes, str]:
        """The sentences of context by key; none where the index was built without."""
        if not self._all("SELECT 1 FROM sqlite_master WHERE name = 'contexts'", ()):
            return {}
        return dict(self._all("SELECT key, sentence FROM contexts", ()))

    def context(self, name: str) -> str:
        """The sentence of context of the passage with this id; "" where it has none. Raises KeyError."""
        row = self.row(name)
        if not self._all("SELECT 1 FROM sqlite_master WHERE name = 'contexts'", ()):
            return ""
        return str(next((one for (one,) in self._all("SELECT sentence FROM contexts WHERE row = ?", (row,))), ""))

    def matching(self, query: str, k: int, allowed: Rows | None) -> list[tuple[int, float]]:
        """See `Index.matching`."""
        try:
            with self._lock:
                return self._lexicon.matching(query, k, allowed)
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None

    def rarity(self, query: str) -> float:
        """See `Lexicon.rarity`."""
        try:
            with self._lock:
                return self._lexicon.rarity(query)
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None

    def close(self) -> None:
        self._lexicon.close()
        self._connection.close()

    def _all(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
                raise
            raise self._damaged(str(error)) from None

    def _passage(self, values: Sequence[Any]) -> Passage:
        path, heading, text, start, end, byte_start, byte_end, digest = values
        passage = Passage(f"{path}#{start}", path, heading, text, start, end, byte_start, byte_end)
        if passage_digest(passage) != digest:
            raise self._damaged(f"the passage {passage.id} is not what was written")
        return passage

    def _damaged(self, what: str) -> DamagedIndex:
        return DamagedIndex(f"The index is damaged: {self.path} cannot be used ({what})")
