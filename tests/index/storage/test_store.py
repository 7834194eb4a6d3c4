from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import (
    DamagedIndex,
    Embedder,
    Index,
    IndexFolderError,
    KnowledgeError,
    NewerIndex,
    NotAnIndex,
    OlderIndex,
    SourceError,
    Where,
    build_index,
)
from index.build import Built
from index.storage.manifest import Manifest, record_file
from index.storage.passages import PassageTable

FILES = ("CURRENT", "versions/1/manifest.json", "versions/1/vectors.faiss", "versions/1/passages.sqlite")


@pytest.fixture
def copied(built: Index, tmp_path: Path) -> Path:
    """A copy of the index that a test may damage."""
    return Path(shutil.copytree(built.path, tmp_path / "copied"))


def test_an_index_says_what_it_holds(built: Index, embedder: Embedder) -> None:
    manifest = built.manifest
    assert (built.version, len(built), manifest.dimensions) == (1, manifest.passages, 384)
    assert len(built) >= 6
    assert manifest.documents == 2
    assert list(built.documents()) == ["knowledge/policies.md", "knowledge/visas/asia.txt"]
    assert (manifest.encoder, manifest.fingerprint) == ("all-MiniLM-L6-v2", embedder.fingerprint)
    assert built.metadata("knowledge/policies.md")["licence"] == "CC0"
    with pytest.raises(KeyError):
        built.metadata("nothing.md")


def test_vector_and_passage_of_a_row_belong_together(built: Index, embedder: Embedder) -> None:
    for row, passage in enumerate(built.passages(range(len(built)))):
        assert built.nearest(embedder.encode([passage.under_heading(passage.text)]), 1)[0].tolist() == [[row]]


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
    with pytest.raises(NewerIndex, match="has format 99, and this release reads 2; upgrade interlock"):
        Index.open(copied)


def test_an_index_of_the_first_format_is_refused_and_can_be_built_again(
    copied: Path, library: Path, embedder: Embedder
) -> None:
    pointer = json.loads((copied / "CURRENT").read_text())
    (copied / "CURRENT").write_text(json.dumps(pointer | {"format": 1}))
    with pytest.raises(OlderIndex, match="has format 1, and this release reads 2; build it again"):
        Index.open(copied)
    with build_index([library], copied, embedder) as index:
        assert (index.version, index.built) == (2, Built(0, len(index)))


def test_a_large_file_is_sampled_when_opened_and_read_whole_when_verified(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2**20) * 70)
    manifest = Manifest(1, "", "", "", 1, {}, 1, 1, "", "flat", {}, {}, {"large": record_file(file)})
    manifest.check(tmp_path, every_byte=True)

    def changed(offset: int, every_byte: bool) -> bool:
        with file.open("r+b") as stream:
            stream.seek(offset)
            before = stream.read(1)
            stream.seek(offset)
            stream.write(bytes([before[0] ^ 1]))
            stream.flush()
            try:
                manifest.check(tmp_path, every_byte)
            except DamagedIndex:
                return True
            finally:
                stream.seek(offset)
                stream.write(before)
        return False

    assert changed(0, every_byte=False)
    assert changed(70 * 2**20 - 1, every_byte=False)
    assert not changed(5 * 2**20, every_byte=False)
    assert changed(5 * 2**20, every_byte=True)
    os.truncate(file, 70 * 2**20 - 1)
    with pytest.raises(DamagedIndex, match="large is not what was written"):
        manifest.check(tmp_path, every_byte=False)


def test_a_passage_that_was_altered_is_never_returned(copied: Path) -> None:
    file = copied / "versions" / "1" / "passages.sqlite"
    content = file.read_bytes()
    assert content.count(b"A bicycle costs 30 EUR") == 1
    file.write_bytes(content.replace(b"A bicycle costs 30 EUR", b"A bicycle costs 90 EUR"))
    table = PassageTable(file)  # as if the file were one of those that are sampled
    with pytest.raises(DamagedIndex, match=r"the passage knowledge/policies\.md#\d+ is not what was written"):
        table.get(range(5))
    table.close()


def test_a_passage_is_found_by_its_id_and_its_neighbours_are_of_its_document(built: Index) -> None:
    passages = built.passages(range(len(built)))
    assert [built.passage(passage.id) for passage in passages] == passages
    for name in ("", "#", "knowledge/policies.md", "knowledge/policies.md#1", "a#b", "knowledge/visas/asia.txt#00"):
        with pytest.raises(KeyError):
            built.passage(name)
    _, first, after = built.documents()["knowledge/policies.md"]
    assert (first, after) == (0, len(built) - 1)
    assert built.neighbours(0) == (None, 1)
    assert built.neighbours(after - 1) == (after - 2, None)
    assert built.neighbours(after) == (None, None)
    with pytest.raises(KeyError):
        built.neighbours(after + 1)
    assert list(built.scan()) == passages


def test_a_condition_gives_rows(built: Index) -> None:
    last = len(built) - 1
    assert built.rows_where(Where('licence = "CC0"')).tolist() == list(range(last))
    assert built.rows_where(Where('path startswith "knowledge/visas"')).tolist() == [last]
    assert built.rows_where(Where('not licence = "CC0"')).tolist() == [last]
    cancelling = built.rows_where(Where('heading contains "cancelling"')).tolist()
    assert cancelling
    assert all("Cancelling" in passage.heading for passage in built.passages(cancelling))


def test_the_commonest_words_are_left_out_only_where_they_would_cost_too_much(
    built: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [row for row, _ in built.matching("a bicycle", 6)]
    assert len(everything) > 1
    monkeypatch.setattr("index.storage.fulltext._MOST_SCORED", 2)
    assert [row for row, _ in built.matching("a bicycle", 6)] == everything[:1]
    assert [row for row, _ in built.matching("a", 6)] == [row for row, _ in built.matching("a nonesuch", 6)] != []
    # Where the rare word is filtered away, the common one is looked for after all.
    assert built.matching("a bicycle", 6, [row for row in everything if row != everything[0]])


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
            with build_index([other], copied, embedder) as newer:
                assert (newer.version, len(newer)) == (expected, 1)
        assert reader.version == 1
        assert len(list(reader.scan())) == len(reader)
        assert reader.matching("bicycle", 3)
    assert sorted(folder.name for folder in (copied / "versions").iterdir()) == ["3", "4"]


def test_a_build_that_fails_changes_nothing(copied: Path, embedder: Embedder, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()}
    (tmp_path / "headings.md").write_text("# Only a heading")
    for sources in ([tmp_path / "nowhere"], [tmp_path / "headings.md"], []):
        with pytest.raises(SourceError):
            build_index(sources, copied, embedder)
    assert {file: file.read_bytes() for file in copied.rglob("*") if file.is_file()} == before


def test_a_version_that_was_written_but_never_pointed_to_is_not_overwritten(
    copied: Path, library: Path, embedder: Embedder
) -> None:
    (copied / "versions" / "2").mkdir()
    with build_index([library], copied, embedder) as index:
        assert index.version == 3


def test_a_folder_with_other_files_is_never_written_to(library: Path, embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("mine")
    with pytest.raises(IndexFolderError, match="holds files that are no index"):
        build_index([library], tmp_path, embedder)
    with pytest.raises(IndexFolderError, match="is a file"):
        build_index([library], tmp_path / "thesis.md", embedder)
    with pytest.raises(IndexFolderError, match="cannot be written"):
        build_index([library], tmp_path / "thesis.md" / "index", embedder)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.md"]


def test_progress_counts_passages_up_to_the_last(library: Path, embedder: Embedder, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_index([library], tmp_path / "index", embedder, lambda done, total: seen.append((done, total))).close()
    total = seen[-1][1]
    assert seen == [(0, total), (total, total)]


@given(
    query=st.text() | st.sampled_from(['"', "a AND", "NEAR(a b)", "text: x", "-a *", "'; DROP TABLE passages; --", "_"])
)
def test_any_text_is_a_safe_lexical_query(built: Index, query: str) -> None:
    assert len(built.matching(query, 3)) <= 3


def test_lexical_search_knows_word_forms_and_accents(built: Index) -> None:
    [first, *_] = built.passages([row for row, _ in built.matching("bicycles", 3)])
    assert "bicycle" in first.text
    assert built.passages([built.matching("Bäli", 1)[0][0]])[0].document.endswith("asia.txt")


def test_the_same_library_gives_the_same_passages_and_vectors(built: Index, library: Path, embedder: Embedder) -> None:
    with build_index([library], built.path.parent / "again", embedder) as again:
        assert list(again.scan()) == list(built.scan())
        assert again.manifest.files["vectors.faiss"] == built.manifest.files["vectors.faiss"]


def test_every_error_is_one_in_the_tree() -> None:
    assert issubclass(DamagedIndex, IndexFolderError)
    assert issubclass(IndexFolderError, KnowledgeError)
