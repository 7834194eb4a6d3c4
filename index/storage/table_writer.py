"""Writes the SQLite file of an index version. Knows its tables (table.py); nothing of vectors or of searching."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from index.documents import Document, Passage
from index.errors import IndexFolderError, KnowledgeError
from index.storage.digests import meaning, passage_digest
from index.storage.table import COMMON, CONTEXTS, CONTEXTUAL_LEXICON, INDEXES, LEXICON, SCHEMA

# Numbers shift by as many as there are more or fewer before them now; all else stays as it was.
_COPIES = (
    """INSERT INTO documents SELECT id + :document, path, format, sha256, metadata, first + :row, after + :row
    FROM before.documents WHERE id BETWEEN :first AND :last ORDER BY id""",
    """INSERT INTO metadata SELECT document + :document, key, text, number
    FROM before.metadata WHERE document BETWEEN :first AND :last ORDER BY document, key""",
    """INSERT INTO passages
    SELECT row + :row, document + :document, heading, text, start, "end", byte_start, byte_end, digest, meaning
    FROM before.passages WHERE row BETWEEN :first_row AND :last_row ORDER BY row""",
)
_CONTEXT_COPY = """INSERT INTO contexts SELECT row + :row, key, sentence
    FROM before.contexts WHERE row BETWEEN :first_row AND :last_row ORDER BY row"""


class TableWriter:
    """Writes the file: `add` or `copy` documents in order, then `finish` once, or `close` to give up.

    `before`: the file of another version, to copy from. `contextual`: each passage has a sentence of context, in both
    of them. Every method raises IndexFolderError when the disk is full,
    KnowledgeError where SQLite lacks FTS5.
    """

    def __init__(self, path: Path, before: Path | None = None, contextual: bool = False) -> None:
        self._path = path
        name = path.resolve().as_uri()
        self._connection = sqlite3.connect(name, uri=True, check_same_thread=False, isolation_level=None)
        self._documents = self._rows = 0
        self._contextual = contextual
        self._execute(SCHEMA + (CONTEXTS + CONTEXTUAL_LEXICON if contextual else LEXICON))
        if before:
            self._connection.execute("ATTACH ? AS before", (f"{before.resolve().as_uri()}?mode=ro&immutable=1",))
        self._execute("BEGIN;")

    def add(
        self,
        document: Document,
        sha256: str,
        passages: Sequence[Passage],
        contexts: Sequence[tuple[bytes, str]] | None = None,
    ) -> list[bytes]:
        """Append a document; its passages get the next rows. What each of these means to an encoder (see `meaning`).

        `contexts`: key and sentence of each passage, where the file is contextual.
        """
        self._documents += 1
        first, self._rows = self._rows, self._rows + len(passages)
        metadata = json.dumps(dict(document.metadata), ensure_ascii=True)
        about = (self._documents, document.path, document.format, sha256, metadata, first, self._rows)
        sentences = [""] * len(passages) if contexts is None else [sentence for _, sentence in contexts]
        meanings = [meaning(passage, sentence) for passage, sentence in zip(passages, sentences, strict=True)]
        try:
            self._connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", about)
            self._connection.executemany(
                "INSERT INTO metadata VALUES (?, ?, ?, ?)",
                (
                    (self._documents, key, value if isinstance(value, str) else None, _number(value))
                    for key, value in sorted(document.metadata.items())
                ),
            )
            self._connection.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        first + place,
                        self._documents,
                        one.heading,
                        one.text,
                        one.start,
                        one.end,
                        one.byte_start,
                        one.byte_end,
                        passage_digest(one),
                        meanings[place],
                    )
                    for place, one in enumerate(passages)
                ),
            )
            if contexts is not None:
                self._connection.executemany(
                    "INSERT INTO contexts VALUES (?, ?, ?)",
                    ((first + place, *context) for place, context in enumerate(contexts)),
                )
        except sqlite3.Error as error:
            raise self._failed(error) from None
        return meanings

    def copy(self, documents: range, rows: range) -> None:
        """Append documents of the version before, which are these of it and have these rows."""
        try:
            for query in (*_COPIES, _CONTEXT_COPY) if self._contextual else _COPIES:
                self._connection.execute(
                    query,
                    {
                        "document": self._documents + 1 - documents.start,
                        "row": self._rows - rows.start,
                        "first": documents.start,
                        "last": documents.stop - 1,
                        "first_row": rows.start,
                        "last_row": rows.stop - 1,
                    },
                )
        except sqlite3.Error as error:
            raise self._failed(error) from None
        self._documents += len(documents)
        self._rows += len(rows)

    def finish(self) -> None:
        """Index the text and the metadata, and close the file."""
        self._execute(  # which first commits what was added
            f"""
            BEGIN;
            INSERT INTO lexicon (lexicon, rank) VALUES ('hashsize', 67108864);
            INSERT INTO lexicon (lexicon) VALUES ('rebuild');
            INSERT INTO lexicon (lexicon) VALUES ('optimize');
            INSERT INTO common SELECT term, doc FROM vocabulary WHERE doc >= {COMMON};
            {INDEXES}
            COMMIT;
            ANALYZE main;
            """
        )
        self.close()

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        """Make a `finish` in another thread fail soon, so that a build that is given up ends."""
        with suppress(sqlite3.ProgrammingError):  # it has finished and closed
            self._connection.interrupt()

    def _execute(self, script: str) -> None:
        try:
            self._connection.executescript(script)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: sqlite3.Error) -> KnowledgeError:
        if "no such module: fts5" in str(error):
            return KnowledgeError("This Python's SQLite has no FTS5", "use a Python whose SQLite has it")
        return IndexFolderError(f"{self._path} cannot be written ({error})", "free some space, then try again")


def _number(value: str | int | float | bool) -> float | None:
    return None if isinstance(value, str) else float(value)
