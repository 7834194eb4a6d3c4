"""Parquet and Arrow files, and sources that lie elsewhere."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from index import SourceError, read_documents

TABLE = pa.table(
    {
        "title": ["Pets", "Bags"],
        "text": ["Dogs stay.", None],
        "since": [datetime.date(2024, 3, 1), None],
        "price": [Decimal("7.50"), Decimal(0)],
        "place": [{"zip": "07"}, None],
    }
)


def write(path: Path, form: str) -> Path:
    if form == "parquet":
        parquet.write_table(TABLE, path)
        return path
    writer = ipc.new_file if form == "file" else ipc.new_stream
    with writer(path, TABLE.schema) as out:
        out.write_table(TABLE)
    return path


@pytest.mark.parametrize(("name", "form"), [("a.parquet", "parquet"), ("a.arrow", "file"), ("b.arrow", "stream")])
def test_every_row_is_a_document_with_typed_metadata(tmp_path: Path, name: str, form: str) -> None:
    first, second = read_documents([write(tmp_path / name, form)]).documents
    assert (first.path, first.text, first.format) == (f"{name}#1", "Dogs stay.", name.split(".")[1])
    facts = {"title": "Pets", "since": "2024-03-01", "price": 7.5, "place.zip": "07", "row": 1, "file": name}
    assert first.metadata == facts
    assert second.text == "Bags"  # a row without text is its title


def test_a_file_cut_in_half_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "parquet")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match="cannot be read as a table"):
        read_documents([path])


def test_a_stream_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    with ipc.new_stream(path, TABLE.schema) as out:
        for _ in range(5):
            out.write_table(TABLE)
    path.write_bytes(path.read_bytes()[:-900])
    reading = read_documents([path])
    assert 0 < len(reading.documents) < 10
    assert "what follows is left out" in reading.unread[-1].reason


def test_a_column_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "parquet")
    with pytest.raises(SourceError, match="has no column 'body'"):
        read_documents([path], column="body")


def test_a_table_without_a_column_of_text_is_named_as_a_file(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"n": [1, 2], "m": [3, 4]}), tmp_path / "numbers.parquet")
    (tmp_path / "a.md").write_text("Dogs.")
    [unread] = read_documents([tmp_path]).unread
    assert unread.path.endswith("/numbers.parquet")
    assert unread.reason.endswith("say which holds the text (--column)")


def test_an_address_is_read_as_a_folder_is() -> None:
    files = fsspec.filesystem("memory")
    for name, text in {
        "a.md": "# Pets\n",
        "sub/b.txt": "Dogs.",
        "c.bin": "no",
        "d.doc": "no",
        ".hidden.md": "no",
        "drop.md": "no",
    }.items():
        files.pipe(f"/shelf/docs/{name}", text.encode())
    files.pipe("/shelf/docs/.gitignore", b"drop.md\n")
    try:
        reading = read_documents(["memory://shelf/docs"])
        assert [document.path for document in reading.documents] == ["docs/a.md", "docs/sub/b.txt"]
        assert [one.path for one in reading.unread] == ["docs/d.doc"]
        assert [one.path for one in read_documents(["memory://shelf/docs/a.md"]).documents] == ["a.md"]
    finally:
        files.rm("/shelf", recursive=True)


@pytest.mark.parametrize("address", ["memory://nowhere/at/all", "nostore://x/y"])
def test_an_address_that_cannot_be_read_is_said(address: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_documents([address])
