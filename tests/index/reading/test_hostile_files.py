"""Files that break readers end as a document or as a listed reason, and what lies beside them is read."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_files import bomb, letter, pdf

from index import Reading, Unread, read_documents
from index.reading.extraction import Extractor
from index.reading.formats import SUFFIXES
from index.reading.reading import Unreadable

GOOD_PDF = pdf([["Trains are refundable until a day before departure."], ["Pets stay at home."]])
GOOD_PAGE = b"<h1>Pets</h1><table><tr><td>Dogs stay.</table><ul><li>a<ul><li>b"


def read(folder: Path, **files: bytes) -> Reading:
    """Read beside a good file; "_" in a name is its dot."""
    (folder / "good.md").write_text("good")
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    reading = read_documents([folder])
    assert "good" in [document.text for document in reading.documents]
    return reading


def test_truncated_pdfs(tmp_path: Path) -> None:
    cut = {f"cut{length}_pdf": GOOD_PDF[:length] for length in range(0, len(GOOD_PDF), 97)}
    reading = read(tmp_path, **cut)
    assert len(reading.documents) + len(reading.unread) == len(cut) + 1
    assert all("\n" not in str(unread) for unread in reading.unread)


def test_pdfs_that_go_round_in_circles(tmp_path: Path) -> None:
    circle = GOOD_PDF.replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [2 0 R 2 0 R]")
    chain = GOOD_PDF.replace(b"/Contents 5 0 R", b"/Contents 4 0 R")
    back = GOOD_PDF.replace(b"trailer << ", b"trailer << /Prev %d " % GOOD_PDF.rindex(b"xref\n0"))
    assert len({GOOD_PDF, circle, chain, back}) == 4
    reading = read(tmp_path, circle_pdf=circle, chain_pdf=chain, back_pdf=back)
    assert len(reading.documents) + len(reading.unread) == 4


def test_bombs(tmp_path: Path) -> None:
    lying = bytearray(bomb(2**20))
    reading = read(tmp_path, bomb_docx=bomb(600 * 2**20), small_docx=bytes(lying), letter_docx=letter())
    assert [document.path.rpartition("/")[2] for document in reading.documents] == ["good.md", "letter.docx"]
    assert [unread.path.rpartition("/")[2] for unread in reading.unread] == ["bomb.docx", "small.docx"]
    assert "unpacks to more than" in reading.unread[0].reason


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(letter())) as good, zipfile.ZipFile(stream, "w") as bad:
        for member in good.namelist():
            content = good.read(member)
            if member == "word/document.xml":
                entities = b'<!DOCTYPE d [<!ENTITY a "0123456789"><!ENTITY f SYSTEM "file:///etc/passwd">' + b"".join(
                    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(4)
                )
                content = content.replace(b"<w:document", entities + b"]><w:document", 1)
                content = content.replace(b"One cabin bag", b"One &e;&f; cabin bag", 1)
            bad.writestr(member, content)
    reading = read(tmp_path, bad_docx=stream.getvalue())
    for document in reading.documents:
        assert "root:" not in document.text
        assert len(document.text) < 10_000


def test_very_long_lines_and_very_large_files(tmp_path: Path) -> None:
    line = b"word " * (100 * 2**20 // 5)
    (tmp_path / "long.txt").write_bytes(line)
    for name in ("long.md", "long.csv", "long.jsonl"):
        (tmp_path / name).hardlink_to(tmp_path / "long.txt")
    with (tmp_path / "sparse.pdf").open("wb") as sparse:
        sparse.truncate(2**40)
    with (tmp_path / "sparse.md").open("wb") as sparse:
        sparse.truncate(2**40)
    reading = read(tmp_path)
    assert len(reading.unread) == 6
    assert any("1,099,511,627,776 bytes" in str(unread) for unread in reading.unread)


def test_deep_folders(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):  # deeper than a path may be long
        os.mkdir("d" * 100, dir_fd=here)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    reading = read(tmp_path)
    assert ["File name too long" in str(unread) for unread in reading.unread] == [True]


def test_deep_nesting(tmp_path: Path) -> None:
    deep = b"<div>" * 50_000 + b"text" + b"<b>" * 50_000
    reading = read(
        tmp_path, deep_html=deep, deep_md=b"---\na: " + b"[" * 30_000 + b"\n---\ntext", deep_jsonl=b"[" * 10**6
    )
    assert len(reading.documents) + len(reading.unread) == 4


def test_a_file_that_takes_too_long_or_too_much_is_given_up_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "slow.html").write_bytes(b"<p>word " * 1_000_000)
    (tmp_path / "good.html").write_bytes(GOOD_PAGE)
    with Extractor(seconds=0.5) as extractor, pytest.raises(Unreadable, match=r"takes more than 0\.5 seconds"):
        extractor.extract("html", tmp_path / "slow.html")
    with Extractor(memory=2**28) as extractor:
        with pytest.raises(Unreadable, match="memory"):
            extractor.extract("html", tmp_path / "slow.html")
        assert "Dogs stay." in extractor.extract("html", tmp_path / "good.html").text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


def _damaged(good: bytes) -> st.SearchStrategy[bytes]:
    place = st.integers(0, len(good) - 1)
    return st.lists(st.tuples(place, st.binary(min_size=1, max_size=4)), min_size=1, max_size=8).map(
        lambda changes: _changed(good, changes)
    )


def _changed(good: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    damaged = bytearray(good)
    for place, content in changes:
        damaged[place : place + len(content)] = content
    return bytes(damaged)


ANY = st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
DAMAGED = {".pdf": _damaged(GOOD_PDF), ".docx": _damaged(letter()), ".html": _damaged(GOOD_PAGE)}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    contents=st.fixed_dictionaries(
        {f"{place}{suffix}": ANY | DAMAGED.get(suffix, ANY) for suffix in sorted(SUFFIXES) for place in range(3)}
    )
)
def test_any_bytes_under_any_suffix_end_as_documents_or_listed_reasons(
    folder: Path, contents: dict[str, bytes]
) -> None:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    reading = read(folder)
    told = {document.metadata["file"] for document in reading.documents}
    told |= {unread.path.rpartition("/")[2].partition("#")[0] for unread in reading.unread}
    # A table without a row below its head has nothing that could be listed.
    assert all(name.endswith((".csv", ".tsv", ".jsonl", ".ndjson")) for name in set(contents) - told)
    for document in reading.documents:
        document.text.encode()
        assert document.text.strip()
        assert "\0" not in document.text
    assert all(isinstance(unread, Unread) and str(unread).isprintable() for unread in reading.unread)
