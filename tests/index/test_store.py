from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import (
    DamagedIndex,
    Embedder,
    Index,
    IndexBusy,
    IndexFolderError,
    KnowledgeError,
    NewerIndex,
    NotAnIndex,
    SourceError,
)

FILES = ("CURRENT", "versions/1/manifest.json", "versions/1/vectors.faiss", "versions/1/passages.sqlite")


@pytest.fixture
def copied(built: Index, tmp_path: Path) -> Path:
    """A copy of the index that a test may damage."""
    return Path(shutil.copytree(built.path, tmp_path / "copied"))


def test_an_index_says_what_it_holds(built: Index, embedder: Embedder) -> None:
    manifest = built.manifest
    assert (built.version, len(built), manifest.dimensions) == (1, 6, 384)
    assert list(manifest.documents) == ["knowledge/policies.md", "knowledge/visas/asia.txt"]
    assert (manifest.encoder, manifest.fingerprint) == ("all-MiniLM-L6-v2", embedder.fingerprint)
    assert built.metadata("knowledge/policies.md")["licence"] == "CC0"
    with pytest.raises(KeyError):
        built.metadata("nothing.md")


def test_vector_and_passage_of_a_row_belong_together(built: Index, embedder: Embedder) -> None:
    for row, passage in enumerate(built.passages(range(len(built)))):
        assert built.nearest(embedder.encode([passage.under_heading(passage.text)])[0], 1) == [row]


def test_a_spoiled_file_is_refused_in_one_sentence(copied: Path) -> None:
    for name in FILES:
        original = (copied / name).read_bytes()
        altered = bytearray(original)
        altered[len(altered) // 2] ^= 1
        for content in (original[: len(original) // 2], b"", bytes(altered), None):
            if content is None:
                (copied / name).unlink()
            else:
                (copied / name).write_bytes(content)
            with pytest.raises((DamagedIndex, NotAnIndex)) as caught:
                Index.open(copied).close()
            assert str(caught.value).endswith(".")
            assert "\n" not in str(caught.value)
        (copied / name).write_bytes(original)
    Index.open(copied).close()


def test_an_index_of_a_later_release_is_refused(copied: Path) -> None:
    pointer = json.loads((copied / "CURRENT").read_text())
    (copied / "CURRENT").write_text(json.dumps(pointer | {"format": 99, "version": 1}))
    with pytest.raises(NewerIndex, match="has format 99, and this release reads 1; upgrade interlock"):
        Index.open(copied)


def test_what_is_not_an_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(NotAnIndex, match="There is no index at"):
            Index.open(path)


def test_a_reader_keeps_its_version_while_newer_ones_are_built(
    copied: Path, library: Path, embedder: Embedder, tmp_path: Path
) -> None:
    other = tmp_path / "other.md"
    other.write_text("Only this is left.")
    with Index.open(copied) as reader:
        for expected in (2, 3, 4):
            with Index.build([other], copied, embedder) as newer:
                assert (newer.version, len(newer)) == (expected, 1)
        assert reader.version == 1
        assert len(reader.passages(range(6))) == 6
        assert reader.matching("bicycle", 3)
    assert sorted(folder.name for folder in (copied / "versions").iterdir()) == ["3", "4"]


def test_a_build_that_fails_changes_nothing(copied: Path, embedder: Embedder, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()}
    (tmp_path / "headings.md").write_text("# Only a heading")
    for sources in ([tmp_path / "nowhere"], [tmp_path / "headings.md"], []):
        with pytest.raises(SourceError):
            Index.build(sources, copied, embedder)
    assert {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()} == before


def test_a_build_killed_half_way_leaves_the_old_version_and_the_next_build_clears_up(
    copied: Path, library: Path, embedder: Embedder
) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from index import Embedder, Index
kill = lambda done, total: done and os.kill(os.getpid(), signal.SIGKILL)
Index.build([Path(sys.argv[1])], Path(sys.argv[2]), Embedder(threads=1), kill)
"""
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program, library, copied], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (copied / "versions" / ".building-2").is_dir()
    with Index.open(copied) as index:
        assert index.version == 1
    with Index.build([library], copied, embedder) as index:
        assert index.version == 2
    assert sorted(folder.name for folder in (copied / "versions").iterdir()) == ["1", "2"]


def test_a_version_that_was_written_but_never_pointed_to_is_not_overwritten(
    copied: Path, library: Path, embedder: Embedder
) -> None:
    (copied / "versions" / "2").mkdir()
    with Index.build([library], copied, embedder) as index:
        assert index.version == 3


def test_two_builds_at_once_never_mix(copied: Path, library: Path, embedder: Embedder) -> None:
    started, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int) -> None:
        started.set()
        go_on.wait(60)

    first = threading.Thread(target=lambda: Index.build([library], copied, embedder, wait).close())
    first.start()
    started.wait(60)
    try:
        with pytest.raises(IndexBusy, match="Another process is building"):
            Index.build([library], copied, embedder)
    finally:
        go_on.set()
        first.join()
    with Index.open(copied) as index:
        assert index.version == 2


def test_a_folder_with_other_files_is_never_written_to(library: Path, embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("mine")
    with pytest.raises(IndexFolderError, match="holds files that are no index"):
        Index.build([library], tmp_path, embedder)
    with pytest.raises(IndexFolderError, match="is a file"):
        Index.build([library], tmp_path / "thesis.md", embedder)
    with pytest.raises(IndexFolderError, match="cannot be written"):
        Index.build([library], tmp_path / "thesis.md" / "index", embedder)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.md"]


def test_progress_counts_passages_up_to_the_last(library: Path, embedder: Embedder, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    Index.build([library], tmp_path / "index", embedder, lambda done, total: seen.append((done, total))).close()
    assert seen == [(0, 6), (6, 6)]


@given(
    query=st.text() | st.sampled_from(['"', "a AND", "NEAR(a b)", "text: x", "-a *", "'; DROP TABLE passages; --", "_"])
)
def test_any_text_is_a_safe_lexical_query(built: Index, query: str) -> None:
    assert len(built.matching(query, 3)) <= 3


def test_lexical_search_knows_word_forms_and_accents(built: Index) -> None:
    [first, *_] = built.passages(built.matching("bicycles", 3))
    assert "bicycle" in first.text
    assert built.passages(built.matching("Bäli", 1))[0].document.endswith("asia.txt")


def test_the_same_library_gives_the_same_passages_and_vectors(built: Index, library: Path, embedder: Embedder) -> None:
    with Index.build([library], built.path.parent / "again", embedder) as again:
        assert again.passages(range(6)) == built.passages(range(6))
        assert again.manifest.files["vectors.faiss"] == built.manifest.files["vectors.faiss"]


def test_every_error_is_one_in_the_tree() -> None:
    assert issubclass(DamagedIndex, IndexFolderError)
    assert issubclass(IndexFolderError, KnowledgeError)
    assert IndexBusy.retryable
    assert not DamagedIndex.retryable
