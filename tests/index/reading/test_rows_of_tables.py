from __future__ import annotations

from pathlib import Path

import pytest

from index import Document, Reading, SourceError, read_documents
from index.reading.rows import LONGEST_ROW


def read(path: Path, content: str | bytes, column: str | None = None) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_documents([path], column=column)


def one(path: Path, content: str, column: str | None = None) -> Document:
    [document] = read(path, content, column).documents
    return document


def test_a_line_of_beirs_corpus_is_a_document_of_that_name(tmp_path: Path) -> None:
    line = '{"_id": "doc 7", "title": "Pets", "text": "Dogs stay.", "metadata": {"year": 2024, "url": ""}}\n'
    document = one(tmp_path / "corpus.jsonl", line)
    assert (document.path, document.text, document.format) == ("doc 7", "Dogs stay.", "jsonl")
    assert document.metadata == {"title": "Pets", "year": 2024, "row": 1, "file": "corpus.jsonl"}


def test_a_rows_question_is_its_title_and_values_keep_their_types(tmp_path: Path) -> None:
    line = '{"question": "Pets?", "answer": "No.", "price": 1.5, "open": true, "tags": ["a", 2], "at": {"zip": "07"}}'
    document = one(tmp_path / "faq.jsonl", line)
    assert (document.path, document.text) == ("faq.jsonl#1", "No.")
    assert document.metadata == {
        **{"question": "Pets?", "title": "Pets?", "price": 1.5, "open": True, "tags": "a, 2", "at.zip": "07"},
        **{"row": 1, "file": "faq.jsonl"},
    }


def test_a_row_without_text_but_with_a_title_is_that(tmp_path: Path) -> None:
    assert one(tmp_path / "a.jsonl", '{"_id": 5, "title": "Pets", "text": ""}').text == "Pets"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_tables_cells_mean_what_they_look_like(tmp_path: Path, delimiter: str) -> None:
    head = ["Year", "Text", "Zip", "Open", "Share"]
    rows = [head, ["2024", '"Two\nlines"', "0123", "true", "0.5"], [], ["x", "Short"]]
    content = "\r\n".join(delimiter.join(row) for row in rows)
    first, second = read(tmp_path / "a.csv", content).documents
    assert (first.path, first.text) == ("a.csv#1", "Two\nlines")
    typed = {"Year": 2024, "Zip": "0123", "Open": True, "Share": 0.5, "row": 1, "file": "a.csv"}
    assert first.metadata == typed
    assert second.metadata == {"Year": "x", "row": 3, "file": "a.csv"}


def test_a_column_can_be_named(tmp_path: Path) -> None:
    assert one(tmp_path / "a.csv", "text,Reply\nno,yes\n", "reply").text == "yes"
    assert one(tmp_path / "b.csv", "anything\nyes\n").text == "yes"
    with pytest.raises(SourceError, match="has no column 'reply'"):
        read(tmp_path / "c.csv", "text\nyes\n", "reply")


def test_a_table_may_be_in_any_encoding(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-8-sig", "cp1251"):
        [document] = read(tmp_path / "a.csv", "text,b\nВозврат билета возможен,1\n".encode(encoding)).documents
        assert document.text == "Возврат билета возможен"
        assert document.metadata["b"] == 1


def test_a_bad_row_is_listed_and_the_others_are_read(tmp_path: Path) -> None:
    lines = [
        b'{"text": "a"}',
        b"{",
        b"[]",
        b'{"text": "\xff"}',
        b'{"text": " "}',
        b"[" * 99_999,
        b"",
        b'{"text": "\\ud800b"}',
    ]
    long = b'{"text": "' + b"x" * LONGEST_ROW + b'"}'
    reading = read(tmp_path / "a.jsonl", b"\n".join([*lines, long, b'{"text": "c"}']))
    assert [document.text for document in reading.documents] == ["a", "?b", "c"]
    assert [str(unread) for unread in reading.unread] == [
        "a.jsonl#2 is no JSON",
        "a.jsonl#3 is no JSON object",
        "a.jsonl#4 is not UTF-8",
        "a.jsonl#5 holds no text",
        "a.jsonl#6 is no JSON",
        f"a.jsonl#9 is longer than {LONGEST_ROW:,} bytes",
    ]


def test_a_table_is_read_as_far_as_it_is_one(tmp_path: Path) -> None:
    content = b"text,b\none,1\ntwo," + b"x" * (LONGEST_ROW + 9) + b"\nthree,3\n"
    reading = read(tmp_path / "a.csv", content)
    assert [document.text for document in reading.documents] == ["one"]
    assert reading.unread[0].path == "a.csv#2"
    assert "what follows is left out" in reading.unread[0].reason


def test_a_column_where_there_is_no_table_is_not_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Pets\n\nPets stay at home.\n")
    with pytest.raises(SourceError, match="no table that could have a column 'thing'; leave --column out"):
        read_documents([tmp_path], column="thing")
    (tmp_path / "b.csv").write_text("thing\nBag\n")
    assert len(read_documents([tmp_path], column="thing").documents) == 2
