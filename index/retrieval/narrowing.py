"""The one sentence of some passages that fits a question best. Knows nothing of how the passages were found."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from index.documents import Passage
from index.embedding import Embedder, Vectors
from index.sentences import split_sentences

# Sentences of popular passages are encoded once.
_REMEMBERED_PASSAGES = 2048


class Narrowing:
    """Compares sentences with `embedder`. Safe to use from several threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._remembered: OrderedDict[str, tuple[list[str], Vectors]] = OrderedDict()
        self._lock = threading.Lock()

    def best_sentence(self, query: str, passages: Sequence[Passage]) -> tuple[Passage, str, float]:
        """See `Retriever.best_sentence`."""
        question = self._embedder.encode_query(query)
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
        vectors = self._embedder.encode(
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
