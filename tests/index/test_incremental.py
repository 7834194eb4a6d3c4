"""A build into a folder that holds a version already: what it takes from there, and that this changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editions import WordEncoder, documents

from index import Document, Embedder, Index, build_index
from index.build import Built, build_version
from index.storage.versions import VersionedFolder


@pytest.fixture
def library() -> list[Document]:
    return list(documents(1))


def built(library: list[Document], out: Path, encoder: WordEncoder | None = None, tokens: int = 160) -> Built:
    """Build as `build_index` does, without reading files."""
    previous = Index.open(out, verify=True) if (out / "CURRENT").exists() else None
    return build_version(
        library, VersionedFolder(out), encoder or WordEncoder(), lambda *_: None, previous, tokens=tokens
    )


def contents(file: Path) -> list[list[tuple[Any, ...]]]:
    """All rows of all tables, the index of words included."""
    tables = ("documents", "metadata", "passages", "common", "vocabulary", "lexicon_docsize")
    with closing(sqlite3.connect(file)) as connection:
        return [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]


def assert_same(one: Path, other: Path) -> None:
    """The two hold the same passages and vectors, and find the same in the same order."""
    with Index.open(one) as first, Index.open(other) as second:
        assert first.documents() == second.documents()
        rows = range(len(first))
        assert first.passages(rows) == second.passages(rows)
        assert np.array_equal(first.vectors(rows), second.vectors(rows))
        assert first.manifest.content == second.manifest.content
        assert first.manifest.files["vectors.faiss"] == second.manifest.files["vectors.faiss"]
        assert contents(first.table) == contents(second.table)
        for query in ("Rule 17 about hotels", "every edition", "edition"):
            vector = WordEncoder().encode([query])
            for ours, theirs in zip(first.nearest(vector, 50), second.nearest(vector, 50), strict=True):
                assert ours.tolist() == theirs.tolist()
            assert first.matching(query, 50) == second.matching(query, 50)


def test_only_what_is_new_or_changed_is_encoded_and_the_outcome_is_that_of_a_full_build(
    library: list[Document], tmp_path: Path
) -> None:
    assert built(library, tmp_path / "index") == Built(0, len(library))
    library[3] = Document("rule3.txt", "Rule 3 was written again.", format="text")
    library[5] = Document("rule5.txt", library[5].text, {"year": 2026}, "text")  # new metadata, the same words
    library.insert(2, Document("rule1b.txt", "Another rule.\n\n" + "Bags are weighed. " * 200, format="text"))
    library.insert(0, Document("again.txt", library[-1].text, format="text"))  # words that were there already
    del library[40:60]
    encoder = WordEncoder()
    did = built(library, tmp_path / "index", encoder)
    assert did.unchanged_documents == len(library) - 4
    assert did.encoded_passages == len(encoder.encoded)
    assert "Rule 3 was written again." in encoder.encoded
    assert all("Rule 3 " in text or "Another rule" in text or "Bags" in text for text in encoder.encoded)
    built(library, tmp_path / "full")
    assert_same(tmp_path / "index", tmp_path / "full")
    with Index.open(tmp_path / "index") as index:
        assert "rule45.txt" not in index.documents()
        assert not any(passage.document == "rule45.txt" for passage in index.passages(range(len(index))))
        assert index.metadata("rule5.txt") == {"year": 2026}


def test_nothing_is_encoded_when_nothing_changed(library: list[Document], tmp_path: Path) -> None:
    for expected in (Built(0, len(library)), Built(len(library), 0)):
        assert built(library, tmp_path / "index") == expected


def test_equal_passages_are_encoded_once_and_are_found_in_their_order(tmp_path: Path) -> None:
    library = [Document(f"{name}.txt", "The same words.", format="text") for name in "abcd"]
    assert built(library, tmp_path / "index") == Built(0, 1)
    with Index.open(tmp_path / "index") as index:
        assert index.nearest(WordEncoder().encode(["words"]), 3)[0].tolist() == [[0, 1, 2]]
        assert [row for row, _ in index.matching("words", 3)] == [0, 1, 2]


def test_another_encoder_encodes_everything_anew(library: list[Document], tmp_path: Path) -> None:
    built(library, tmp_path / "index")
    assert built(library, tmp_path / "index", WordEncoder("other words")) == Built(0, len(library))


def test_other_passage_lengths_cut_everything_anew(tmp_path: Path) -> None:
    library = [Document("long.txt", " ".join(f"Sentence {number} stands here." for number in range(300)))]
    built(library, tmp_path / "index")
    did = built(library, tmp_path / "index", tokens=40)
    assert did.unchanged_documents == 0
    built(library, tmp_path / "full", tokens=40)
    assert_same(tmp_path / "index", tmp_path / "full")


def test_nothing_is_taken_from_a_damaged_version(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "rule.md").write_text("# Rule\nDogs stay outside.")
    out = tmp_path / "index"
    build_index([tmp_path / "rule.md"], out, embedder).close()
    file = out / "versions" / "1" / "vectors.faiss"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with build_index([tmp_path / "rule.md"], out, embedder) as index:
        assert index.built == Built(0, 1)
        assert np.allclose(np.linalg.norm(index.vectors([0]), axis=1), 1, atol=1e-5)


def test_a_full_build_can_be_asked_for(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "rule.md").write_text("# Rule\nDogs stay outside.")
    for full, expected in ((False, Built(0, 1)), (False, Built(1, 0)), (True, Built(0, 1))):
        with build_index([tmp_path / "rule.md"], tmp_path / "index", embedder, full=full) as index:
            assert index.built == expected


def test_files_that_change_and_go_are_noticed_with_the_real_encoder(tmp_path: Path, embedder: Embedder) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.md").write_text(f"# Rule {number}\n\nA bag of {number} kg costs {number * 3} euros.\n")
    build_index([folder], tmp_path / "index", embedder).close()
    (folder / "03.md").write_text("# Rule 3\n\nDogs stay outside.\n")
    (folder / "07.md").unlink()
    (folder / "00a.md").write_text("# Rule 0a\n\nCats may come in.\n")
    with build_index([folder], tmp_path / "index", embedder) as again:
        assert again.built == Built(10, 2)
        shutil.rmtree(tmp_path / "full", ignore_errors=True)
        with build_index([folder], tmp_path / "full", embedder) as full:
            rows = range(len(full))
            assert again.passages(rows) == full.passages(rows)
            assert np.allclose(again.vectors(rows), full.vectors(rows), atol=1e-6)
            for query in ("How much is a bag of 5 kg?", "pets"):
                vector = embedder.encode_query(query).reshape(1, -1)
                assert again.nearest(vector, 12)[0].tolist() == full.nearest(vector, 12)[0].tolist()
                assert again.matching(query, 12) == full.matching(query, 12)
