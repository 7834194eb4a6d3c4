"""Rows of a table as documents: which column is the text, which the title, which the name; the others are metadata.

Knows nothing of how a table is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from index.documents import Document
from index.reading.extracted import Sheet
from index.reading.metadata import clean, flat
from index.reading.reading import Unread, Unreadable

TEXTS = ("text", "content", "body", "answer")
"""Columns that are taken for the text, the first that is there."""
TITLES = ("title", "question", "heading", "name", "entity")
"""Columns that are taken for the title, which becomes the passages' heading."""
LONGEST_ROW = 16_777_216
"""Bytes of a row. A longer one is listed."""


def text_column(columns: Collection[str], column: str | None) -> str:
    """The column that holds the text. `column`: as the user said, None if nothing was said. Raises Unreadable."""
    known = {name.strip().lower(): name for name in columns}
    for name in (column.strip().lower(),) if column else TEXTS:
        if name in known:
            return known[name]
    if len(columns) == 1 and not column:
        return next(iter(columns))
    if column:
        raise Unreadable(f"has no column {clean(column)!r}")
    raise Unreadable(
        f"has no column that is called {', '.join(TEXTS[:-1])} or {TEXTS[-1]}: say which holds the text (--column)"
    )


def row_document(file: str, number: int, format: str, row: Mapping[str, Any], column: str) -> Document:
    """`number` counts from 1. BEIR's `_id` names a document, else "<file>#<number>". Raises Unreadable without text."""
    entries = dict(row)
    text = entries.pop(column, None)
    if not isinstance(text, str) or not text.strip():
        text = ""
    identity = entries.pop("_id", None)
    nested = entries.pop("metadata", None)
    if isinstance(nested, Mapping):
        entries = {**nested, **entries}
    metadata = flat(entries)
    titles = {name.lower(): name for name in metadata}
    title = next((str(metadata[titles[name]]) for name in TITLES if name in titles), "")
    text = clean(text or title)
    if not text.strip():
        raise Unreadable("holds no text")
    path = clean(str(identity)) if isinstance(identity, str | int) and str(identity).strip() else f"{file}#{number}"
    return Document(path, text, {**metadata, **({"title": title} if title else {}), "row": number}, format)


def read_sheets(file: str, sheets: Iterable[Sheet], column: str | None) -> Iterator[Document | Unread]:
    """The rows of a workbook's sheets, each named "<file>#<sheet>#<number>" unless it has an `_id`."""
    for sheet in sheets:
        name = f"{file}#{clean(sheet.name)}"
        try:
            text = text_column(sheet.columns, column)
        except Unreadable as error:
            yield Unread(name, str(error))
            continue
        for number, cells in enumerate(sheet.rows, start=1):
            row = dict(zip(sheet.columns, cells, strict=False))
            if any(cell != "" for cell in cells):
                try:
                    yield row_document(
                        name, number, "workbook", {**row, text: str(row[text]), "sheet": clean(sheet.name)}, text
                    )
                except Unreadable as error:
                    yield Unread(f"{name}#{number}", str(error))
