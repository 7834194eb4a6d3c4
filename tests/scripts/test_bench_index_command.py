"""The parts of `interlock bench index`, on a small corpus: what it draws, what it measures, what it plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index import Embedder, Index
from index.build import build_version
from index.storage.versions import VersionedFolder
from scripts.bench import incremental, searching
from scripts.bench.corpus import Sentences, SyntheticCorpus, SyntheticEmbedder
from scripts.bench.index_plot import write_plot

ANSWERS = [f"The {place} opens at {hour} o'clock." for place in ("pool", "bar", "gym", "desk") for hour in range(6, 14)]
SENTENCES = Sentences("a test", [f"When does the {place} open?" for place in ("pool", "bar", "gym", "desk")], ANSWERS)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


def test_every_row_gets_the_vector_that_was_drawn_for_it_and_searches_are_measured(
    embedder: Embedder, tmp_path: Path
) -> None:
    corpus = SyntheticCorpus(600, SENTENCES, embedder)
    build_version(
        corpus.documents(), VersionedFolder(tmp_path / "index"), SyntheticEmbedder(corpus), lambda *_: None, None, "ivf"
    )
    with Index.open(tmp_path / "index") as index:
        assert np.array_equal(index.vectors(range(600)), corpus.vectors)
        assert all(f"(no. {row})" in passage.text for row, passage in enumerate(index.scan()))
        assert index.metadata("0000101.txt") == {"site": "s1", "year": 2017}
    assert min(corpus.likeness) > 0.5
    np.savez(tmp_path / "queries.npz", queries=corpus.queries, vectors=corpus.query_vectors)
    figures = searching.measure(tmp_path / "index", tmp_path / "queries.npz", ['site = "s1"', 'site = "s2"'])
    assert figures["recall@10"] >= 0.9
    assert figures["filter_keeps"] == 0.01
    assert 0 < figures["dense_p50_ms"] <= figures["dense_p99_ms"]
    write_plot(
        {**figures, "passages": 600, "files_mib": {"vectors.faiss": 1.0}, "kind": "ivf", "build_s": 1.0},
        tmp_path / "index.png",
    )
    assert (tmp_path / "index.png").read_bytes().startswith(b"\x89PNG")


def test_a_build_after_one_document_in_a_hundred_changed_encodes_only_these(embedder: Embedder, tmp_path: Path) -> None:
    figures = incremental.measure(tmp_path, 200, SENTENCES, embedder)
    assert (figures["documents"], figures["changed"], figures["encoded"]) == (200, 2, 2)
