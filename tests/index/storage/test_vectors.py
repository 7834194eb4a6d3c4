"""Nearest neighbours of each kind of index, with and without a filter, against a search of all vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from editions import WordEncoder

from index import Document, Index
from index.build import build_version
from index.embedding import Vectors
from index.storage.versions import VersionedFolder

COUNT = 4000


class Numbers(WordEncoder):
    """Clusters of vectors; a text is its row's number."""

    fingerprint = "numbers"
    vectors: Vectors

    def __init__(self) -> None:
        generator = np.random.default_rng(7)
        centres = generator.standard_normal((40, 64), dtype=np.float32)
        drawn = centres[generator.integers(40, size=COUNT)] + 0.4 * generator.standard_normal((COUNT, 64))
        self.vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        self.vectors[7] = self.vectors[5]

    def encode(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        return self.vectors[[int(text.split()[1]) for text in texts]]


@pytest.fixture(scope="module", params=["flat", "ivf", "hnsw"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    out = tmp_path_factory.mktemp(request.param) / "index"
    library = (Document(f"{row}.txt", f"Number {row}", {"odd": row % 2 == 1}, "text") for row in range(COUNT))
    build_version(library, VersionedFolder(out), Numbers(), lambda *_: None, None, request.param)
    with Index.open(out) as opened:
        yield opened


@pytest.fixture(scope="module")
def queries() -> Vectors:
    generator = np.random.default_rng(8)
    queries = Numbers().vectors[:50] + 0.3 * generator.standard_normal((50, 64)) / 8
    unit: Vectors = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.mark.parametrize("kept", [None, 1, 7, 100, 1500, COUNT])
def test_what_is_found_is_nearly_what_an_exact_search_finds(index: Index, queries: Vectors, kept: int | None) -> None:
    generator = np.random.default_rng(9)
    allowed = np.arange(COUNT) if kept is None else np.sort(generator.choice(COUNT, kept, replace=False))
    exact = queries @ Numbers().vectors[allowed].T
    rows, similarities = index.nearest(queries, 10, None if kept is None else allowed)
    k = min(10, len(allowed))
    assert rows.shape == similarities.shape == (50, k)
    assert np.isin(rows[rows >= 0], allowed).all()
    truth = allowed[np.argsort(-exact, axis=1, kind="stable")[:, :k]]
    found = sum(len(np.intersect1d(one, two)) for one, two in zip(rows, truth, strict=True)) / truth.size
    assert found >= (1 if index.manifest.kind == "flat" else 0.97)
    similar = np.einsum("qd,qkd->qk", queries, Numbers().vectors[rows])
    assert np.allclose(np.where(rows >= 0, similar, similarities), similarities, atol=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_one_query_finds_what_it_finds_among_many(index: Index, queries: Vectors) -> None:
    rows, _ = index.nearest(queries, 10)
    assert all(
        index.nearest(query.reshape(1, -1), 10)[0][0].tolist() == of.tolist()
        for query, of in zip(queries, rows, strict=True)
    )


def test_equal_vectors_come_in_the_order_of_rows(index: Index) -> None:
    rows, similarities = index.nearest(index.vectors([7]), 2)
    assert rows.tolist() == [[5, 7]]
    assert similarities[0, 0] == similarities[0, 1]


def test_nothing_is_found_where_nothing_is_allowed(index: Index, queries: Vectors) -> None:
    assert index.nearest(queries, 10, [])[0].shape == (50, 0)
    assert index.matching("number", 10, []) == []


def test_the_manifest_says_what_an_approximate_search_finds(index: Index) -> None:
    if index.manifest.kind == "flat":
        assert (index.manifest.search, index.manifest.recall) == ({}, {})
    else:
        assert index.manifest.recall["recall@10"] >= 0.97
        assert index.manifest.recall["queries"] == 256


def test_words_are_looked_for_among_the_allowed_rows_only(index: Index) -> None:
    allowed = np.array([3, 50, 999])
    assert [row for row, _ in index.matching("number", 10, allowed)] == [3, 50, 999]
    assert [row for row, _ in index.matching("number 999", 10, allowed)] == [999, 3, 50]
    assert len(index.matching("number", 10)) == 10
