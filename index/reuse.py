"""Takes over what did not change since the version before, and cuts the rest into passages.

Knows of vectors only which are there already, and at which row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from index.chunking import Chunker
from index.contexts import Contexts, surroundings
from index.documents import Document, Passage
from index.embedding import Vectors
from index.errors import SourceError
from index.storage.digests import document_hash
from index.storage.store import Index
from index.storage.table_writer import TableWriter

# Given to a writer of contexts together: enough to keep a server busy.
_PASSAGES_AT_ONCE = 512
_DOCUMENTS_AT_ONCE = 4096


class Before:
    """What can be taken from the version before: nothing if it is of another encoder, vectors if its cuts differ."""

    def __init__(self, index: Index | None, fingerprint: str, chunker: Mapping[str, Any]) -> None:
        self._index = index if index and index.manifest.fingerprint == fingerprint else None
        self.meanings: list[bytes] = self._index.meanings() if self._index else []
        self.table: Path | None = None
        self._documents: dict[str, tuple[int, str, int, int]] = {}
        if self._index and dict(self._index.manifest.chunker) == dict(chunker):
            self.table = self._index.table
            documents = enumerate(self._index.documents().items(), start=1)
            self._documents = {path: (number, *of) for number, (path, of) in documents}

    def unchanged(self, path: str, sha256: str) -> tuple[int, range] | None:
        """The document's number and its rows, if it was there as it is now."""
        number, was, first, after = self._documents.get(path, (0, "", 0, 0))
        return (number, range(first, after)) if was == sha256 else None

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """The vectors at these rows. Only where there are `meanings`."""
        assert self._index is not None
        return self._index.vectors(np.asarray(rows, dtype=np.int64))


@dataclass
class Taken:
    """What the table holds now. `meanings`: of its rows; `known`: where the vectors of meanings are in the version
    before; `texts`: of those that are not there, what an encoder is to be shown.
    """

    known: dict[bytes, int]
    hashes: list[tuple[str, str]] = field(default_factory=list)
    meanings: list[bytes] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    unchanged: int = 0


def take(
    documents: Iterable[Document],
    writer: TableWriter,
    chunker: Chunker,
    before: Before,
    contexts: Contexts | None = None,
) -> Taken:
    """Write all documents and their passages, in order, with their sentences of context where there are `contexts`.

    Raises SourceError when there is no passage at all, and what a writer of sentences raises.
    """
    # Of equal passages the first row, as in a build from nothing.
    taken = Taken({meaning: row for row, meaning in reversed(list(enumerate(before.meanings)))})
    run = _Run(writer)
    cut = _cut(documents, chunker, before)
    for one in cut if contexts is None else _with_contexts(cut, contexts):
        taken.hashes.append((one.document.path, one.sha256))
        if one.there:
            taken.unchanged += 1
            number, rows = one.there
            taken.meanings += before.meanings[rows.start : rows.stop]
            run.add(number, rows)
            continue
        run.flush()
        meanings = writer.add(one.document, one.sha256, one.passages, one.contexts)
        for place, (meaning, passage) in enumerate(zip(meanings, one.passages, strict=True)):
            taken.meanings.append(meaning)
            if meaning not in taken.known:
                taken.texts.setdefault(meaning, passage.in_context(one.contexts[place][1] if one.contexts else ""))
    run.flush()
    if not taken.meanings:
        raise SourceError("The documents hold headings only, and no text below them")
    return taken


@dataclass(frozen=True)
class _Cut:
    """A document, and either where it is in the version before, or its passages (and their contexts)."""

    document: Document
    sha256: str
    there: tuple[int, range] | None
    passages: Sequence[Passage] = ()
    contexts: Sequence[tuple[bytes, str]] | None = None


def _cut(documents: Iterable[Document], chunker: Chunker, before: Before) -> Iterator[_Cut]:
    for document in documents:
        sha256 = document_hash(document)
        there = before.unchanged(document.path, sha256)
        if there:
            yield _Cut(replace(document, text=""), sha256, there)  # many wait for a few that changed
        else:
            yield _Cut(document, sha256, None, chunker.split(document))


def _with_contexts(cut: Iterable[_Cut], contexts: Contexts) -> Iterator[_Cut]:
    """The same in the same order; many passages at once are given to the writer, who may be at several together."""
    waiting: list[_Cut] = []
    count = 0

    def done() -> Iterator[_Cut]:
        sentences = iter(contexts.of([place for one in waiting for place in surroundings(one.document, one.passages)]))
        for one in waiting:
            yield replace(one, contexts=[next(sentences) for _ in one.passages])

    for one in cut:
        waiting.append(one)
        count += len(one.passages)
        if count >= _PASSAGES_AT_ONCE or len(waiting) >= _DOCUMENTS_AT_ONCE:
            yield from done()
            waiting, count = [], 0
    yield from done()


class _Run:
    """Documents that follow each other in the version before too, so that they are copied at once."""

    def __init__(self, writer: TableWriter) -> None:
        self._writer = writer
        self._documents, self._rows = range(0), range(0)

    def add(self, number: int, rows: range) -> None:
        if number != self._documents.stop:
            self.flush()
            self._documents, self._rows = range(number, number), range(rows.start, rows.start)
        self._documents = range(self._documents.start, number + 1)
        self._rows = range(self._rows.start, rows.stop)

    def flush(self) -> None:
        if self._documents:
            self._writer.copy(self._documents, self._rows)
        self._documents, self._rows = range(0), range(0)
