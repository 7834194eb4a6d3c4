"""JSONL files, BEIR's corpus.jsonl among them: a document a line, read one at a time however long the file is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from index.documents import Document
from index.reading.reading import Unread, Unreadable
from index.reading.rows import LONGEST_ROW, row_document, text_column


def read_jsonl(name: str, stream: BinaryIO, column: str | None) -> Iterator[Document | Unread]:
    for number, line in enumerate(_lines(stream), start=1):
        try:
            if line is None:
                raise Unreadable(f"is longer than {LONGEST_ROW:,} bytes")
            if line.strip():
                row = _object(line)
                yield row_document(name, number, "jsonl", row, text_column(row, column))
        except Unreadable as error:
            yield Unread(f"{name}#{number}", str(error))


def _object(line: bytes) -> dict[str, object]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("is no JSON") from None
    if not isinstance(row, dict):
        raise Unreadable("is no JSON object")
    return row


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, which is skipped without being kept."""
    while line := stream.readline(LONGEST_ROW + 1):
        if len(line) <= LONGEST_ROW or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_ROW)
        yield None
