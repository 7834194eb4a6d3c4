"""An index on disk: FAISS vectors and a table of passages, in one folder of versions with checksums.

Knows how both are built together and opened together; knows nothing of how results are ranked or fused.

    INDEX/CURRENT
    INDEX/versions/<n>/manifest.json     encoder fingerprint, document hashes, counts, checksums
    INDEX/versions/<n>/vectors.faiss     vector i belongs to passage i
    INDEX/versions/<n>/passages.sqlite
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from index.chunking import Chunker
from index.documents import Document, Passage
from index.embedding import Embedder, Vectors
from index.errors import DamagedIndex, SourceError
from index.manifest import FILENAME, Manifest, read_checked
from index.passages import PassageTable
from index.reader import read_documents
from index.versions import Pointer, VersionedFolder

VECTORS = "vectors.faiss"
PASSAGES = "passages.sqlite"

# Between two of these a build can be interrupted and shows progress.
_PASSAGES_A_STEP = 128

Progress = Callable[[int, int], None]


class Index:
    """One version of an index, opened for reading. It stays as it is while newer versions are built.

    Use it as a context manager, or `close()` it.
    """

    def __init__(self, folder: Path, manifest: Manifest, vectors: Any, passages: PassageTable) -> None:
        self.path = folder
        self.manifest = manifest
        self._vectors = vectors
        self._passages = passages

    @classmethod
    def build(
        cls, sources: Sequence[Path], out: Path, embedder: Embedder, progress: Progress = lambda done, total: None
    ) -> Index:
        """Read `sources` (folders or files of Markdown and text), and make their index the current version at `out`.

        `progress(done, total)` counts passages. Until the last moment, readers of `out` see the version before.
        Raises SourceError, EncoderError, IndexFolderError.
        """
        documents = read_documents(sources)
        folder = VersionedFolder(out)
        with folder.writing() as (version, unfinished):
            chunker = Chunker(embedder.tokenizer, embedder.max_tokens)
            passages = [passage for document in documents for passage in chunker.split(document)]
            if not passages:
                raise SourceError("The documents hold headings only, and no text below them")
            vectors = _encode(passages, embedder, progress)
            _write_vectors(unfinished / VECTORS, vectors)
            PassageTable.write(unfinished / PASSAGES, documents, passages)
            manifest = Manifest(
                version=version,
                built=datetime.now(UTC).isoformat(timespec="seconds"),
                encoder=embedder.name,
                fingerprint=embedder.fingerprint,
                dimensions=embedder.dimensions,
                passages=len(passages),
                documents={document.path: _text_sha256(document) for document in documents},
                files={name: _file_sha256(unfinished / name) for name in (VECTORS, PASSAGES)},
            ).to_bytes()
            (unfinished / FILENAME).write_bytes(manifest)
            folder.publish(version, unfinished, hashlib.sha256(manifest).hexdigest())
        return cls.open(out)

    @classmethod
    def open(cls, path: Path) -> Index:
        """Open the current version at `path`, after checking every byte of it.

        Raises NotAnIndex, DamagedIndex, NewerIndex.
        """
        folder = VersionedFolder(path)
        pointer = folder.current()
        while True:
            try:
                return cls._open_version(folder, pointer)
            except DamagedIndex:
                # Two builds may have finished since the pointer was read, and the second removes that version.
                latest = folder.current()
                if latest == pointer:
                    raise
                pointer = latest

    @classmethod
    def _open_version(cls, folder: VersionedFolder, pointer: Pointer) -> Index:
        home = folder.folder(pointer.version)
        manifest = Manifest.read(home, pointer.manifest)
        vectors = _read_vectors(read_checked(home / VECTORS, manifest.files.get(VECTORS)))
        return cls(folder.path, manifest, vectors, PassageTable(manifest.path(home, PASSAGES)))

    @property
    def version(self) -> int:
        """Counts builds into this folder, from 1."""
        return self.manifest.version

    def __len__(self) -> int:
        return self.manifest.passages

    def nearest(self, vector: Vectors, k: int) -> list[int]:
        """The rows of the at most k passages nearest to a unit vector of shape (dimensions,), best first."""
        _, rows = self._vectors.search(vector.reshape(1, -1), min(k, len(self)))
        return [int(row) for row in rows[0]]

    def matching(self, query: str, k: int) -> list[int]:
        """The rows of at most k passages that share words with `query`, best BM25 first."""
        return self._passages.matching(query, k)

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """The passages at these rows, in this order."""
        return self._passages.get(rows)

    def metadata(self, document: str) -> dict[str, str]:
        """What a document's front matter said. Raises KeyError for a document that is not in the index."""
        return self._passages.metadata(document)

    def close(self) -> None:
        self._passages.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _encode(passages: Sequence[Passage], embedder: Embedder, progress: Progress) -> Vectors:
    parts: list[Vectors] = []
    progress(0, len(passages))
    for start in range(0, len(passages), _PASSAGES_A_STEP):
        step = passages[start : start + _PASSAGES_A_STEP]
        parts.append(embedder.encode([passage.under_heading(passage.text) for passage in step]))
        progress(start + len(step), len(passages))
    return np.concatenate(parts)


def _write_vectors(path: Path, vectors: Vectors) -> None:
    import faiss

    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    path.write_bytes(faiss.serialize_index(flat).tobytes())


def _read_vectors(content: bytes) -> Any:
    import faiss

    return faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _text_sha256(document: Document) -> str:
    return hashlib.sha256(document.text.encode()).hexdigest()
