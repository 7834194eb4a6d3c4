"""Editions of a library whose every sentence says which edition it is of, so that a mixture of two would be seen; and a
process that builds one after the other: `python editions.py OUT FIRST LAST [BYTES]`, with at most so many in a file.
"""

from __future__ import annotations

import hashlib
import re
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from index import Document, Index, KnowledgeError
from index.build import build_version
from index.embedding import Vectors
from index.storage.versions import VersionedFolder

DOCUMENTS = 200
_WORD = re.compile(r"\w+")
_TOPICS = ("trains", "flights", "hotels", "luggage", "pets", "visas", "meals")


class WordEncoder:
    """A small encoder that needs no weights: each word has a direction, a text is the sum of its words'."""

    name = "words"
    fingerprint = "words, 64 dimensions"
    dimensions = 64
    max_tokens = 256
    step = 512
    tokenizer = None

    def __init__(self, fingerprint: str = fingerprint) -> None:
        self.fingerprint = fingerprint
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text."""
        self.encoded += texts
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, query: str) -> Vectors:
        """The same for one text."""
        total = sum((_direction(word) for word in _WORD.findall(query.lower())), np.full(64, 1e-6))
        unit: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


def _direction(word: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
    return np.random.default_rng(seed).standard_normal(64, dtype=np.float32)


def documents(edition: int) -> Iterator[Document]:
    """Every tenth document is the same in all editions; in odd ones there are a few more."""
    for number in range(DOCUMENTS + 5 * (edition % 2)):
        said = "every edition" if number % 10 == 0 else f"edition {edition}"
        text = f"Rule {number} about {_TOPICS[number % 7]} holds in {said}."
        yield Document(f"rule{number}.txt", text, {"edition": edition if number % 10 else 0}, "text")


def assert_whole(index: Index, queries: int) -> None:
    """Everything that can be seen of this version belongs to one edition, and to the right row."""
    edition = index.version
    expected = list(documents(edition))
    encoder = WordEncoder()
    step = max(1, len(expected) // queries)
    for number in range(edition % step, len(expected), step):
        text = expected[number].text
        vector = encoder.encode([text])
        rows, similarities = index.nearest(vector, 1)
        assert index.passages(rows[0])[0].text == text
        assert similarities[0, 0] > 0.9999
        assert np.array_equal(index.vectors(rows[0]), vector)
        matching = index.matching(text, 1)
        assert index.passages([matching[0][0]])[0].text == text
    assert list(index.documents()) == [document.path for document in expected]


def build(out: Path, edition: int) -> None:
    """Make `edition` the current version."""
    folder = VersionedFolder(out)
    previous = Index.open(out, verify=True) if (out / "CURRENT").exists() else None
    build_version(documents(edition), folder, WordEncoder(), lambda done, total: None, previous)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(out: Path, first: int, last: int, most_bytes: int | None) -> None:
    """Build the editions, saying which is being begun."""
    _say("ready")
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        for edition in range(first, last + 1):
            build(out, edition)
            _say(str(edition))
    except KnowledgeError as error:
        _say(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else None)
