"""Faults that users of neighbouring tools have reported, tried here in our own words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from index import Document, Embedder, Index, Retriever, build_index
from index.chunking import Chunker
from index.retrieval.fusion import Fusion, fused


@pytest.fixture(scope="module")
def chunker(embedder: Embedder) -> Chunker:
    return Chunker(embedder.tokenizer, embedder.max_tokens)


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("# Prices ##", "Prices"),  # langchain#40298: closing hashes stayed in the heading
        ("# Prices   ###   ", "Prices"),
        ("# C#", "C#"),
        ("# Prices#", "Prices#"),
        ("#\tPrices", "Prices"),
        ("# *All* `prices`", "All prices"),
    ],
)
def test_a_heading_is_read_as_commonmark_has_it(line: str, heading: str, chunker: Chunker) -> None:
    (passage,) = chunker.split(Document("a.md", f"{line}\n\nA bag costs ten euros.\n"))
    assert passage.heading == heading


def test_no_word_goes_where_a_hash_stands_in_code_or_between_paragraphs(chunker: Chunker) -> None:
    """haystack#11920: what stood before a comment in a code block was dropped; langchain#22256: empty lines were."""
    text = (
        "# Setup\n\nFirst read this.\n\nThen run it:\n\n```python\n# a comment\nrun()\n```\n\n### Deep\n\nInside.\n\n"
        "## Beside\n\nAfter.\n"
    )
    passages = chunker.split(Document("a.md", text))
    assert passages[0].text == "First read this.\n\nThen run it:\n\n```python\n# a comment\nrun()\n```"
    # langchain#31596: the heading of the section before stayed in the path.
    assert [one.heading for one in passages] == ["Setup", "Setup > Deep", "Setup > Beside"]


def test_what_a_document_no_longer_says_is_found_by_neither_search(tmp_path: Path, embedder: Embedder) -> None:
    """langstream#612, pathreview#7: of a document that got shorter the old end was still found. mem0#3787: deleted."""
    docs, kb = tmp_path / "docs", tmp_path / "kb"
    docs.mkdir()
    long, short = docs / "long.md", docs / "short.md"
    long.write_text("# Bags\n\nA bag costs ten euros.\n\n# Zeppelins\n\nZeppelins moor at noon.\n")
    short.write_text("# Cats\n\nCats stay at home.\n")
    build_index([docs], kb, embedder).close()
    long.write_text("# Bags\n\nA bag costs ten euros.\n")
    with build_index([docs], kb, embedder) as index:
        assert not index.matching("zeppelins", 5)
        found = [hit.passage.text for hit in Retriever(index, embedder).search("When do zeppelins moor?", 5)]
        assert sorted(found) == ["A bag costs ten euros.", "Cats stay at home."]
    (docs / ".interlockignore").write_text("short.md\n")  # smart-second-brain#497: what is to be left out goes at once
    with build_index([docs], kb, embedder) as index:
        assert list(index.documents()) == ["docs/long.md"]


def test_a_file_put_back_from_a_backup_is_read_though_it_is_older(tmp_path: Path, embedder: Embedder) -> None:
    """smart-second-brain#497: what had an earlier date than the index was taken for unchanged."""
    file, kb = tmp_path / "a.md", tmp_path / "kb"
    file.write_text("# Bags\n\nA bag costs twelve euros.\n")
    build_index([file], kb, embedder).close()
    file.write_text("# Bags\n\nA bag costs eleven euros.\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with build_index([file], kb, embedder) as index:
        assert [one.text for one in index.scan()] == ["A bag costs eleven euros."]


def test_the_encoders_best_is_never_lost_in_the_fusion() -> None:
    """perseus-vault#1059: a passage that was first by its vector was not among the fused at all."""
    cosines = dict.fromkeys(range(1, 200), 0.3) | {0: 0.9}
    words = dict.fromkeys(range(1, 101), 8.0)  # a hundred others share words with the query
    scores = fused(cosines, words, Fusion().lexical_weight(40.0, 0.9), complete=False)
    assert max(scores, key=lambda row: scores[row]) == 0
    assert set(scores) == set(cosines)


def test_an_index_of_before_is_in_use_until_the_next_is_whole(tmp_path: Path, embedder: Embedder) -> None:
    """memex#111: a rebuild deleted the vectors before there were others. A build that fails changes nothing here."""
    file, kb = tmp_path / "a.md", tmp_path / "kb"
    file.write_text("# Bags\n\nA bag costs ten euros.\n")
    build_index([file], kb, embedder).close()

    class Failing(Embedder):
        def encode(self, texts: object) -> object:  # type: ignore[override]
            raise MemoryError

    file.write_text("# Bags\n\nA bag costs twenty euros.\n")
    with pytest.raises(MemoryError):
        build_index([file], kb, Failing(threads=1))
    with Index.open(kb, verify=True) as index:
        assert [one.text for one in index.scan()] == ["A bag costs ten euros."]
