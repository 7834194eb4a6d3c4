"""Times a build against a bare `SentenceTransformer.encode` of the same passages, side by side. Knows no terminal."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.build import build_version
from index.chunking import Chunker
from index.documents import Document
from index.embedding import Embedder
from index.storage.versions import VersionedFolder

BATCHES = (16, 32, 64, 128)
"""Batch sizes that the bare encoder may choose from."""


@dataclass(frozen=True)
class Round:
    """Seconds. `embedding` is a part of `build`: from the first text handed to the encoder to the last vector."""

    bare: float
    build: float
    embedding: float

    @property
    def ratio(self) -> float:
        """Embedding's throughput in the build, as a share of the bare encoder's."""
        return self.bare / self.embedding


class Throughput:
    """Compares builds of `documents` with a bare encoder of as many threads. One process, one model each."""

    def __init__(self, documents: Sequence[Document], embedder: Embedder) -> None:
        self._documents = documents
        self.embedder = embedder
        chunker = Chunker(embedder.tokenizer, embedder.max_tokens)
        passages = (passage for document in documents for passage in chunker.split(document))
        # A build encodes no text twice; neither does the bare encoder here.
        self.texts = list(dict.fromkeys(passage.under_heading(passage.text) for passage in passages))
        self._worker = ThreadPoolExecutor(1)  # torch's number of threads holds for one thread
        self._model = self._worker.submit(self._load).result()

    def best_batch(self, sample: int) -> tuple[int, dict[int, float]]:
        """The batch size at which the bare encoder is fastest, and its seconds for `sample` texts at each."""
        texts = self.texts[:: max(1, len(self.texts) // sample)]
        times = {size: min(self._bare(texts, size) for _ in range(2)) for size in BATCHES}
        return min(times, key=times.__getitem__), times

    def round(self, batch: int, *, build_first: bool) -> Round:
        """One of each, in this order or the other."""
        built = self._build() if build_first else None
        bare = self._bare(self.texts, batch)
        build, embedding = built or self._build()
        return Round(bare, build, embedding)

    def _bare(self, texts: list[str], batch: int) -> float:
        encode = self._model.encode_document
        started = time.perf_counter()
        self._worker.submit(
            encode, texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False
        ).result()
        return time.perf_counter() - started

    def _build(self) -> tuple[float, float]:
        seen: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            build_version(
                self._documents,
                VersionedFolder(Path(folder) / "index"),
                self.embedder,
                lambda done, total: seen.append(time.perf_counter()),
                None,
            )
            return time.perf_counter() - started, seen[-1] - seen[0]

    def _load(self) -> Any:
        import torch

        torch.set_num_threads(self.embedder.threads)
        model, _ = self.embedder.weights.load(self.embedder.device)
        return model.to(getattr(torch, self.embedder.precision))
