"""CSV and TSV files with a line of column names: a document a row, read one at a time however long the file is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from index.documents import Document
from index.reading.encoding import detect
from index.reading.metadata import scalar
from index.reading.reading import Unread, Unreadable
from index.reading.rows import LONGEST_ROW, row_document, text_column

_SAMPLE = 65_536
_DELIMITERS = (",", "\t", ";", "|")
# One for the process, as the csv module will have it: by default 131,072, which a page of text can exceed.
csv.field_size_limit(LONGEST_ROW)


def read_table(name: str, stream: BinaryIO, column: str | None) -> Iterator[Document | Unread]:
    """Ends at the first row that cannot be read, as nobody knows where the next one begins. Raises Unreadable."""
    sample = stream.read(_SAMPLE)
    if not sample.strip():
        raise Unreadable("is empty")
    encoding = detect(sample)
    stream.seek(0)
    lines = io.TextIOWrapper(stream, encoding=encoding, newline="")
    number = 0
    try:
        delimiter = delimiter_of(next(bounded(lines)))
        lines.seek(0)
        rows = csv.reader(bounded(lines), delimiter=delimiter)
        names = [heading.strip() or f"column {place}" for place, heading in enumerate(next(rows), start=1)]
        text = text_column(names, column)
        for number, row in enumerate(rows, start=1):
            if any(row):
                cells = {
                    key: cell if key in (text, "_id") else scalar(cell) for key, cell in zip(names, row, strict=False)
                }
                try:
                    yield row_document(name, number, "csv", cells, text)
                except Unreadable as error:
                    yield Unread(f"{name}#{number}", str(error))
    except (csv.Error, UnicodeError, StopIteration) as error:
        reason = "is not in one encoding" if isinstance(error, UnicodeError) else f"is no table ({error})"
        yield Unread(f"{name}#{number + 1}" if number else name, f"{reason}, and what follows is left out")
    finally:
        lines.detach()


def delimiter_of(header: str) -> str:
    """What parts the most columns in a table's first line: a comma, a tab, a semicolon or a bar."""
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def bounded(lines: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a table. csv.Error for one that is longer than any row may be."""
    while line := lines.readline(LONGEST_ROW + 1):
        if len(line) > LONGEST_ROW:
            raise csv.Error(f"a line of more than {LONGEST_ROW:,} characters")
        yield line
