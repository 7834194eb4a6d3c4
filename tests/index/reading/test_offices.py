"""Workbooks and slides."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from written_files import bomb, slides, workbook

from index import SourceError, read_documents


def test_every_row_of_a_sheet_is_a_document(tmp_path: Path) -> None:
    day = datetime.date(2024, 3, 1)
    rows = [
        [],
        ["Question", "Answer", "Since", "Price"],
        ["Pets?", "Dogs only.", day, 3],
        [],
        ["Bags?", "One.", "", 2.5],
    ]
    (tmp_path / "faq.xlsx").write_bytes(workbook({"Rules": rows, "Other": [["text"], ["More."]]}))
    first, second, third = read_documents([tmp_path / "faq.xlsx"]).documents
    assert (first.path, first.text, first.format) == ("faq.xlsx#Rules#1", "Dogs only.", "workbook")
    assert first.metadata == {
        **{"Question": "Pets?", "title": "Pets?", "Since": "2024-03-01", "Price": 3},
        **{"sheet": "Rules", "row": 1, "file": "faq.xlsx"},
    }
    assert (second.path, second.metadata["Price"]) == ("faq.xlsx#Rules#3", 2.5)
    assert third.path == "faq.xlsx#Other#1"


def test_a_sheet_without_a_column_of_text_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook({"Prices": [["Thing", "EUR"], ["Bag", 7]], "Faq": [["text"], ["Yes."]]}))
    reading = read_documents([tmp_path])
    assert [document.text for document in reading.documents] == ["Yes."]
    [unread] = reading.unread
    assert unread.path.endswith("a.xlsx#Prices")
    assert "say which holds the text" in unread.reason
    assert [one.text for one in read_documents([tmp_path], column="thing").documents] == ["Bag"]


def test_rows_of_two_sheets_with_one_id_are_two_documents(tmp_path: Path) -> None:
    rows = [["_id", "text"], ["1", "One."]]
    (tmp_path / "a.xlsx").write_bytes(workbook({"A": rows, "B": rows}))
    assert [document.path for document in read_documents([tmp_path / "a.xlsx"]).documents] == ["1", "a.xlsx#B#1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 no zip", "is no readable workbook"),
        (b"\xd0\xcf\x11\xe0 no OLE", "is no readable workbook"),
        (workbook({"Empty": []}), "holds no text"),
    ],
)
def test_what_is_no_workbook_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SourceError, match=reason):
        read_documents([tmp_path / "a.xlsx"])


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.pptx").write_bytes(bomb(2**29))
    with pytest.raises(SourceError, match="unpacks to more"):
        read_documents([tmp_path / "a.pptx"])


def test_slides_are_read_under_their_titles(tmp_path: Path) -> None:
    (tmp_path / "a.pptx").write_bytes(slides())
    [document] = read_documents([tmp_path / "a.pptx"]).documents
    assert document.text.rstrip("\n").split("\n\n") == [
        *("# Luggage", "- One cabin bag is free.\n  - Up to 8 kg", "Ask for questions."),
        *("# Slide 2", "What it costs", "| Thing | EUR |\n| --- | --- |\n| Bicycle | 30 |"),
    ]
    assert [heading.title for heading in document.headings] == ["Luggage", "Slide 2"]
    assert document.metadata["author"] == "The desk"
