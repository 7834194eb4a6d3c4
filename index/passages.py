"""The passages of one index version in SQLite: text, metadata, and full-text search over them (FTS5, BM25).

Knows SQL; knows nothing of vectors. A row number is the passage's place in the vector file too, from 0.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from index.documents import Document, Passage
from index.errors import DamagedIndex, IndexFolderError, KnowledgeError

_SCHEMA = """
CREATE TABLE documents (path TEXT PRIMARY KEY, metadata TEXT NOT NULL) STRICT;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL REFERENCES documents (path),
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL
) STRICT;
CREATE VIRTUAL TABLE lexicon USING fts5 (
    heading, text, content = 'passages', content_rowid = 'row', tokenize = 'porter unicode61 remove_diacritics 2'
);
"""
_PASSAGE = 'id, document, heading, text, start, "end"'
_WORD = re.compile(r"[^\W_]+")
# A query of a megabyte must not become a query of 200,000 terms.
_MOST_TERMS = 64


class PassageTable:
    """Read access to one version's passages. Safe to use from several threads. Raises DamagedIndex."""

    def __init__(self, path: Path) -> None:
        # immutable: a version never changes, so no lock file is needed and a read-only folder will do.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise DamagedIndex(f"The index is damaged: {path} cannot be opened ({error})") from None
        self._lock = threading.Lock()

    @staticmethod
    def write(path: Path, documents: Sequence[Document], passages: Sequence[Passage]) -> None:
        """Create the file. Passage i gets row i. Raises KnowledgeError where SQLite lacks FTS5."""
        connection = sqlite3.connect(path)
        try:
            connection.executescript(_SCHEMA)
            with connection:
                connection.executemany(
                    "INSERT INTO documents VALUES (?, ?)",
                    ((document.path, json.dumps(dict(document.metadata))) for document in documents),
                )
                connection.executemany(
                    "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        (row, one.id, one.document, one.heading, one.text, one.start, one.end)
                        for row, one in enumerate(passages)
                    ),
                )
                connection.execute("INSERT INTO lexicon (lexicon) VALUES ('rebuild')")
                connection.execute("INSERT INTO lexicon (lexicon) VALUES ('optimize')")
        except sqlite3.OperationalError as error:
            if "fts5" in str(error):
                raise KnowledgeError("This Python's SQLite has no FTS5", "use a Python whose SQLite has it") from None
            raise IndexFolderError(f"{path} cannot be written ({error})", "free some space, then try again") from None
        finally:
            connection.close()

    def get(self, rows: Sequence[int]) -> list[Passage]:
        """The passages at these rows, in the order of `rows`."""
        marks = ", ".join("?" * len(rows))
        with self._lock:
            found = self._connection.execute(
                f"SELECT row, {_PASSAGE} FROM passages WHERE row IN ({marks})", list(rows)
            ).fetchall()
        passages = {row: Passage(*values) for row, *values in found}
        return [passages[row] for row in rows]

    def metadata(self, document: str) -> dict[str, str]:
        """A document's metadata. Raises KeyError for a document that is not in the index."""
        with self._lock:
            found = self._connection.execute("SELECT metadata FROM documents WHERE path = ?", (document,)).fetchone()
        if found is None:
            raise KeyError(document)
        metadata: dict[str, str] = json.loads(found[0])
        return metadata

    def matching(self, query: str, k: int) -> list[int]:
        """At most k rows that share a word with `query`, best BM25 first. Any text is a safe query."""
        terms = list(dict.fromkeys(_WORD.findall(query.lower())))[:_MOST_TERMS]
        if not terms:
            return []
        # Quoted, a word is a string to FTS5 and never an operator: NEAR, AND, a column's name.
        match = " OR ".join(f'"{term}"' for term in terms)
        with self._lock:
            found = self._connection.execute(
                "SELECT rowid FROM lexicon WHERE lexicon MATCH ? ORDER BY bm25(lexicon), rowid LIMIT ?", (match, k)
            ).fetchall()
        return [row for (row,) in found]

    def close(self) -> None:
        self._connection.close()
