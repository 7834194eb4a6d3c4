"""Builds an index: one version of it, from documents. What the version before already holds is taken from there:
passages of documents that did not change, and the vector of every passage that an encoder would be shown as before.

Everything else is written anew, in the order of the documents, so that the outcome does not depend on what was there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version as installed
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index import chunking
from index.chunking import PASSAGE_TOKENS, Chunker
from index.contexts import TOKENS, Contexts, ContextWriter
from index.documents import Document
from index.embedding import Embedder, Vectors
from index.errors import DamagedIndex, NotAnIndex, OlderIndex
from index.estimation import estimated
from index.reading import Unread, iterate_documents
from index.reading.ocr import Ocr
from index.retrieval.fusion import Constants
from index.reuse import Before, Taken, take
from index.storage.approximation import Kind, chosen_kind, write_vectors
from index.storage.encoded import Encoded
from index.storage.manifest import FILENAME, Manifest, content_hash, record_file
from index.storage.sentences import Sentences
from index.storage.store import PASSAGES, Built, Index
from index.storage.table_writer import TableWriter
from index.storage.vectors import faiss
from index.storage.versions import VersionedFolder
from index.weights import DEFAULT_ENCODER

Progress = Callable[[int, int], None]


class Encoder(Protocol):
    """What a build needs of an `Embedder`."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def tokenizer(self) -> str | None: ...
    @property
    def step(self) -> int: ...
    def encode(self, texts: Sequence[str]) -> Vectors: ...


def build_index(
    sources: Sequence[Path | str],
    out: Path,
    embedder: Encoder,
    progress: Progress = lambda done, total: None,
    *,
    kind: Kind = "auto",
    full: bool = False,
    tokens: int = PASSAGE_TOKENS,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    column: str | None = None,
    ocr: Ocr | None = None,
    context: ContextWriter | None = None,
) -> Index:
    """Read `sources` (see `iterate_documents`), make their index the current version at `out`, and open it.

    Only passages that the version before does not hold are encoded, unless `full`; the outcome is the same.
    `context`: writes a sentence of context for each passage (see contexts.py), once; what it raises is raised.
    `progress(done, total)` counts passages. Until the last moment, readers of `out` see the version before.
    Raises SourceError, EncoderError, IndexFolderError.
    """
    unread: list[Unread] = []
    found = iter(iterate_documents(sources, unread.append, include=include, exclude=exclude, column=column, ocr=ocr))
    documents = chain([next(found)], found)  # so that a missing source is noticed before anything is written
    with ExitStack() as stack:
        stack.callback(found.close)
        previous = None if full else _previous(out)
        if previous:
            stack.enter_context(previous)
        folder, constants = VersionedFolder(out), _constants_for(embedder)
        built = build_version(documents, folder, embedder, progress, previous, kind, tokens, constants, context)
    index = Index.open(out)
    index.built, index.unread = built, unread
    return index


def _constants_for(embedder: Encoder) -> Callable[[Collection[str]], Constants | None]:
    """What estimates the constants of this encoder's cosines; for the default one they are measured already."""

    def estimate(texts: Collection[str]) -> Constants | None:
        if embedder.name == DEFAULT_ENCODER:
            return None
        return estimated(texts, embedder.encode, Embedder().encode)

    return estimate


def _previous(path: Path) -> Index | None:
    """What a build can take from; nothing where every byte is not as it was written."""
    try:
        return Index.open(path, verify=True)
    except (NotAnIndex, OlderIndex, DamagedIndex):
        return None


def build_version(
    documents: Iterable[Document],
    folder: VersionedFolder,
    embedder: Encoder,
    progress: Progress,
    previous: Index | None,
    kind: Kind = "auto",
    tokens: int = PASSAGE_TOKENS,
    estimate: Callable[[Collection[str]], Constants | None] = lambda texts: None,
    context: ContextWriter | None = None,
) -> Built:
    """Make the index of `documents`, whose paths differ, the current version in `folder`.

    Nothing is taken from `previous` unless it was built by this encoder: then its constants stay, since
    somebody may have tuned them. `estimate`: makes them of the passages, else. Sentences that `context` wrote are
    taken whatever the encoder was. Raises SourceError, IndexFolderError.
    """
    settings = chunker_settings(tokens)
    limit = embedder.max_tokens
    if context is not None:
        settings["context"] = context.name
        limit -= TOKENS
    before = Before(previous, embedder.fingerprint, settings)
    with (
        folder.writing() as (version, unfinished),
        closing(TableWriter(unfinished / PASSAGES, before.table, context is not None)) as writer,
        ThreadPoolExecutor(1) as beside,
        Sentences(unfinished.parent, context.name) if context else nullcontext() as sentences,
    ):
        try:
            contexts = None
            if context is not None and sentences is not None:
                contexts = Contexts(context, previous.contexts() if previous else {}, sentences)
            taken = take(documents, writer, Chunker(embedder.tokenizer, limit, tokens), before, contexts)
            # SQLite indexes the text while the encoder is at work: it needs neither Python nor the vectors.
            finished = beside.submit(writer.finish)
            if previous is not None and previous.manifest.fingerprint == embedder.fingerprint:
                fusion, floor = previous.manifest.fusion, previous.manifest.floor
            else:
                own = estimate(taken.texts.values())
                fusion, floor = ({}, {}) if own is None else (own.fusion.row(), own.floor.row())
            with Encoded(unfinished.parent, embedder.fingerprint, embedder.dimensions) as kept:
                exact, encoded = _vectors(taken, embedder, before, kept, progress)
            finished.result()
        except BaseException:
            writer.interrupt()
            raise
        measured = write_vectors(unfinished, exact, chosen_kind(kind, exact.ntotal))
        manifest = Manifest(
            version=version,
            built=datetime.now(UTC).isoformat(timespec="seconds"),
            encoder=embedder.name,
            fingerprint=embedder.fingerprint,
            dimensions=embedder.dimensions,
            chunker=settings,
            documents=len(taken.hashes),
            passages=len(taken.meanings),
            content=content_hash(taken.hashes),
            kind=measured.kind,
            search=measured.search,
            recall=measured.recall,
            files={file.name: record_file(file) for file in sorted(unfinished.iterdir())},
            fusion=fusion,
            floor=floor,
        ).to_bytes()
        (unfinished / FILENAME).write_bytes(manifest)
        folder.publish(version, unfinished, hashlib.sha256(manifest).hexdigest())
        kept.path.unlink(missing_ok=True)
        if sentences is not None:
            sentences.path.unlink(missing_ok=True)
    had = previous.manifest.chunker.get("context", "") if previous else ""
    return Built(taken.unchanged, encoded, contexts.written if contexts else 0, "" if contexts else had)


def longest_passage(limit: int) -> int:
    """The most tokens of a passage of which an encoder that reads `limit` tokens reads all, with its heading."""
    # Not in chunking.py, nor a public name there: its bytes are the rules of every index that exists.
    return max(16, limit - chunking._HEADING_TOKENS)


def chunker_settings(tokens: int) -> dict[str, Any]:
    """What decides where documents are cut, the encoder's tokenizer apart."""
    rules = hashlib.sha256(Path(chunking.__file__).read_bytes()).hexdigest()[:12]
    return {"tokens": tokens, "rules": rules, "splitter": installed("semantic-text-splitter")}


def _vectors(taken: Taken, embedder: Encoder, before: Before, kept: Encoded, progress: Progress) -> tuple[Any, int]:
    """A FAISS flat index of the vectors in row order, and how many passages were encoded for it.

    What a build that was killed had encoded is in `kept`, to which every batch is added before the next is begun.
    """
    count = len(taken.meanings)
    exact = faiss().IndexFlatIP(embedder.dimensions)
    exact.codes.resize(4 * count * exact.d)
    exact.ntotal = count
    matrix = faiss().rev_swig_ptr(exact.get_xb(), count * exact.d).reshape(count, exact.d)
    for start in range(0, count, 65536):
        some = taken.meanings[start : start + 65536]
        there = [place for place, meaning in enumerate(some) if meaning in taken.known]
        if there:
            rows = [taken.known[some[place]] for place in there]
            matrix[start + np.asarray(there)] = before.vectors(rows)
    places: dict[bytes, list[int]] = {}
    for place, meaning in enumerate(taken.meanings):
        if meaning in taken.texts:
            places.setdefault(meaning, []).append(place)
    # Texts of like length together, the longest first: no batch is padded much, and what does not fit fails at once.
    missing = sorted(taken.texts, key=lambda meaning: -len(taken.texts[meaning]))
    again = [meaning for meaning in missing if meaning in kept]
    for start in range(0, len(again), 65536):
        some = again[start : start + 65536]
        for meaning, vector in zip(some, kept.vectors(some), strict=True):
            matrix[places[meaning]] = vector
    missing = [meaning for meaning in missing if meaning not in kept]
    done = count - sum(len(places[meaning]) for meaning in missing)
    progress(done, count)
    for start in range(0, len(missing), embedder.step):
        step = missing[start : start + embedder.step]
        vectors = embedder.encode([taken.texts[one] for one in step])
        kept.add(step, vectors)
        for meaning, vector in zip(step, vectors, strict=True):
            matrix[places[meaning]] = vector
            done += len(places[meaning])
        progress(done, count)
    return exact, len(missing)
