"""A million passages to measure an index with: vectors clustered like real ones, rows of real text.

The vectors are drawn from a mixture of Gaussians fitted to an encoder's vectors of real sentences: for each k-means
cluster its mean and its covariance. The rows are sentences of the same cluster, put together. `SyntheticEmbedder`
hands the drawn vectors out in an encoder's place: building and searching cost what they cost, encoding costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index import Document, Embedder
from index.documents import Scalar
from index.embedding import Vectors

FAQ = Path(__file__).parents[3] / "shared" / "data" / "dstc9_faq" / "knowledge.json"
DOCS = Path(__file__).parents[2]

_CLUSTERS = 128
_SENTENCES_A_ROW = 3
# Of each vector's squared length, what no sentence of its cluster explains: few sentences span few directions.
_NOISE = 0.05
SITES = 100
_NUMBER = re.compile(r"\(no\. (\d+)\)$")


@dataclass(frozen=True)
class Sentences:
    """Real text. `queries` are asked, `answers` are indexed; `source` says where they come from."""

    source: str
    queries: list[str]
    answers: list[str]


def real_sentences(path: Path = FAQ) -> Sentences:
    """Questions and answers of the FAQ, or where it is not there the paragraphs of this project's own documents."""
    if path.is_file():
        domains = json.loads(path.read_text(encoding="utf-8"))
        entries = [e for d in domains.values() for entity in d.values() for e in entity["docs"].values()]
        return Sentences(path.name, [e["title"] for e in entries], list(dict.fromkeys(e["body"] for e in entries)))
    files = sorted([*DOCS.glob("*.md"), *DOCS.glob("docs/*.md"), *DOCS.glob("pipeline/workflows/**/*.md")])
    lines = [line.strip() for file in files for line in file.read_text(encoding="utf-8").split("\n")]
    texts = list(dict.fromkeys(line for line in lines if len(line.split()) > 5))
    return Sentences("the project's own documents", texts[::5], texts)


class SyntheticCorpus:
    """`size` documents of one passage each, and queries with their vectors. The same seed gives the same corpus."""

    def __init__(self, size: int, sentences: Sentences, embedder: Embedder, seed: int = 2026) -> None:
        from sklearn.cluster import KMeans  # takes a second, and every command mounts this one

        generator = np.random.default_rng(seed)
        vectors = embedder.encode(sentences.answers)
        labels = KMeans(min(_CLUSTERS, len(vectors) // 8), n_init=1, random_state=seed).fit_predict(vectors)
        members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
        shares = np.array([len(of) for of in members]) / len(vectors)
        self._cluster = generator.choice(len(members), size, p=shares)
        self._rows = np.concatenate([generator.choice(members[c], (1, _SENTENCES_A_ROW)) for c in self._cluster])
        self.vectors: Vectors = np.empty((size, vectors.shape[1]), dtype=np.float32)
        for label, of in enumerate(members):
            drawn = np.flatnonzero(self._cluster == label)
            mean = vectors[of].mean(0)
            weights = generator.standard_normal((len(drawn), len(of)), dtype=np.float32)
            spread = weights @ (vectors[of] - mean) / np.float32(np.sqrt(max(len(of) - 1, 1)))
            noise = generator.standard_normal((len(drawn), vectors.shape[1]), dtype=np.float32)
            self.vectors[drawn] = mean + spread + noise * np.float32(np.sqrt(_NOISE / vectors.shape[1]))
        self.vectors /= np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.sentences = sentences
        picked = generator.choice(len(sentences.queries), min(1000, len(sentences.queries)), replace=False)
        self.queries = [sentences.queries[place] for place in picked]
        self.query_vectors = embedder.encode(self.queries)
        neighbours = np.partition(vectors[:2000] @ vectors.T, -2)[:, -2]
        self.likeness = float(np.median(neighbours)), self._likeness(generator)
        self.fingerprint = f"synthetic {size} {seed} {hashlib.sha256(self.vectors[:100].tobytes()).hexdigest()[:16]}"

    def _likeness(self, generator: np.random.Generator) -> float:
        """Median similarity of a vector to its nearest among as many others as there are real ones."""
        some = generator.choice(len(self.vectors), min(len(self.sentences.answers), len(self.vectors)), replace=False)
        drawn = self.vectors[some]
        return float(np.median(np.partition(drawn[:2000] @ drawn.T, -2)[:, -2]))

    def documents(self) -> Iterator[Document]:
        """Each with a `site` (one of a hundred) and a `year`; its text ends with its number."""
        answers = self.sentences.answers
        for number, row in enumerate(self._rows):
            text = " ".join(answers[place] for place in row)
            metadata: dict[str, Scalar] = {"site": f"s{number % SITES}", "year": 2015 + number % 11}
            yield Document(f"{number:07}.txt", f"{text} (no. {number})", metadata, "text")


class SyntheticEmbedder:
    """No encoder: gives each text of a `SyntheticCorpus` the vector that was drawn for it, by the number in it."""

    name = "synthetic (no encoder)"
    max_tokens = 10_000
    step = 4096
    tokenizer = None

    def __init__(self, corpus: SyntheticCorpus) -> None:
        self.fingerprint = corpus.fingerprint
        self.dimensions = int(corpus.vectors.shape[1])
        self._corpus = corpus

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of these rows' texts."""
        numbers = [_NUMBER.search(text) for text in texts]
        return self._corpus.vectors[[int(number[1]) for number in numbers if number]]
