"""An index on disk: FAISS vectors and a table of passages, in one folder of versions with checksums.

Knows how both are opened together and searched; knows nothing of how results are ranked or fused.

    INDEX/CURRENT
    INDEX/versions/<n>/manifest.json       encoder fingerprint, chunker settings, counts, kind, checksums
    INDEX/versions/<n>/vectors.faiss       vector i belongs to passage i
    INDEX/versions/<n>/approximate.faiss   above 50,000 passages: finds candidates faster
    INDEX/versions/<n>/passages.sqlite
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from index.documents import Passage, Scalar
from index.embedding import Vectors
from index.errors import DamagedIndex
from index.reading import Unread
from index.retrieval.joining import joined, split_name
from index.storage.manifest import Manifest
from index.storage.passages import Condition, PassageTable, Rows
from index.storage.vectors import VectorFiles
from index.storage.versions import Pointer, VersionedFolder

PASSAGES = "passages.sqlite"
_ROWS_A_STEP = 500


@dataclass(frozen=True)
class Built:
    """What a build did: documents taken over as they were, passages encoded, sentences of context written. The rest of
    each was there before. `lost_contexts`: who wrote sentences of the version before, where this one has none.
    """

    unchanged_documents: int
    encoded_passages: int
    written_contexts: int = 0
    lost_contexts: str = ""


class Index:
    """One version of an index, opened for reading. It stays as it is while newer versions are built, and when these
    remove it from the disk. Use it as a context manager, or `close()` it. Safe to use from several threads.

    `built` and `unread` say what `build_index` did; an index that was only opened has neither.
    """

    def __init__(self, folder: Path, manifest: Manifest, vectors: VectorFiles, passages: PassageTable) -> None:
        self.path = folder
        self.manifest = manifest
        self.built: Built | None = None
        self.unread: Sequence[Unread] = ()
        self._vectors = vectors
        self._passages = passages

    @classmethod
    def open(cls, path: Path, *, verify: bool = False) -> Index:
        """Open the current version at `path`. Raises NotAnIndex, DamagedIndex, NewerIndex, OlderIndex.

        With `verify` every byte is compared with its checksum. Without, that holds for the manifest and for files up
        to 64 MiB; of a larger file the size and eight samples are, which finds one that is cut short, exchanged or half
        written. In any case each passage is compared with its own hash when it is read, so that a text that was
        altered by accident is refused, not returned. What only `verify` finds: a flipped bit in a large file that
        changes which passages are found, or in what order. Nothing here stops somebody who alters data and hashes.
        """
        folder = VersionedFolder(path)
        pointer = folder.current()
        while True:
            try:
                return cls._open_version(folder, pointer, verify)
            except DamagedIndex:
                # Two builds may have finished since the pointer was read, and the second removes that version.
                latest = folder.current()
                if latest == pointer:
                    raise
                pointer = latest

    @classmethod
    def _open_version(cls, folder: VersionedFolder, pointer: Pointer, verify: bool) -> Index:
        home = folder.folder(pointer.version)
        manifest = Manifest.read(home, pointer.manifest)
        manifest.check(home, verify)
        shape = manifest.passages, manifest.dimensions
        vectors = VectorFiles(home, manifest.kind, manifest.search, shape)
        return cls(folder.path, manifest, vectors, PassageTable(home / PASSAGES))

    @property
    def version(self) -> int:
        """Counts builds into this folder, from 1."""
        return self.manifest.version

    def __len__(self) -> int:
        return self.manifest.passages

    def nearest(self, vectors: Vectors, k: int, allowed: npt.ArrayLike | None = None) -> tuple[Rows, Vectors]:
        """The rows most similar to each of n unit vectors, shape (n, dimensions), and their cosine similarities.

        Both have the shape (n, at most k), best first; equal ones in the order of rows. `allowed`: rows, ascending, to
        choose from. An approximate kind may find fewer than there are: row -1 and similarity -inf.
        """
        return self._vectors.nearest(vectors, k, _rows(allowed))

    def matching(self, query: str, k: int, allowed: npt.ArrayLike | None = None) -> list[tuple[int, float]]:
        """At most k (row, BM25) of passages that share words with `query`, best (highest) first, among `allowed` rows.

        Any text is a safe query. In large indexes the commonest words of a query are left out (see fulltext.py).
        """
        return self._passages.matching(query, k, _rows(allowed))

    def rarity(self, query: str) -> float:
        """The sum of the inverse document frequencies (natural logarithms) of a query's distinct words.

        A passage of average length that holds each of them once has this BM25.
        """
        return self._passages.rarity(query)

    def rows_where(self, condition: Condition) -> Rows:
        """The rows that fit a condition on metadata, ascending; not to be written to. See `PassageTable.rows_where`."""
        return self._passages.rows_where(condition)

    def vectors(self, rows: npt.ArrayLike) -> Vectors:
        """A copy of the vectors at these rows: float32, shape (len(rows), dimensions)."""
        return self._vectors.at(np.asarray(rows, dtype=np.int64))

    def neighbours(self, row: int) -> tuple[int | None, int | None]:
        """The rows of the passages before and after this one in the same document. KeyError for a row not there."""
        return self._passages.neighbours(row)

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """The passages at these rows, in this order. Raises DamagedIndex for one that is not as it was written."""
        return self._passages.get(rows)

    def scan(self) -> Iterator[Passage]:
        """All passages in the order of rows, each compared with its hash. Raises DamagedIndex."""
        for start in range(0, len(self), _ROWS_A_STEP):
            yield from self._passages.get(range(start, min(start + _ROWS_A_STEP, len(self))))

    def passage(self, name: str) -> Passage:
        """The passage with this id, or with this id of several joined. Raises KeyError."""
        first, more = split_name(name)
        if not more:
            return self._passages.find(name)
        row = self._passages.row(first)
        return joined(self._passages.get(range(row, row + more + 1)))

    def context(self, name: str) -> str:
        """What a model wrote about the passage with this id, for searching alone; "" for nothing. Raises KeyError."""
        return self._passages.context(split_name(name)[0])

    def contexts(self) -> dict[bytes, str]:
        """All such sentences by key (see contexts.py)."""
        return self._passages.contexts()

    def values(self, keys: Sequence[str]) -> list[tuple[str, str, int]]:
        """(key, text, how many documents have it) of the metadata under these keys, whatever their case."""
        return self._passages.values(keys)

    def metadata(self, document: str) -> dict[str, Scalar]:
        """A document's metadata. Raises KeyError for a document that is not in the index."""
        return self._passages.metadata(document)

    def documents(self) -> dict[str, tuple[str, int, int]]:
        """Path → content hash, first row, row after the last; in the order of rows."""
        return self._passages.documents()

    def meanings(self) -> list[bytes]:
        """For each row what tells whether an encoder would be shown another text."""
        return self._passages.meanings()

    @property
    def table(self) -> Path:
        """The SQLite file, which may be gone once there are newer versions."""
        return self._passages.path

    def close(self) -> None:
        self._passages.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _rows(allowed: npt.ArrayLike | None) -> Rows | None:
    return None if allowed is None else np.asarray(allowed, dtype=np.int64)
