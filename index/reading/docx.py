"""DOCX files: paragraphs, lists and tables in order, headings by their styles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from index.reading.archive import check_archive
from index.reading.extracted import Extracted, TextWriter
from index.reading.metadata import flat

_HEADING = re.compile(r"heading ([1-9])", re.I)


def extract_docx(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    check_archive(content, "DOCX")
    document = docx.Document(BytesIO(content))
    writer = TextWriter()
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            writer.table([list(_cells(row)) for row in block.rows])
            continue
        style = _style(block)
        found = _HEADING.match(style)
        if found or style == "Title":
            writer.heading(int(found[1]) if found else 1, block.text)
        else:
            writer.block(f"- {block.text}" if style.startswith("List") and block.text.strip() else block.text)
    about = document.core_properties
    return writer.done(flat({"title": about.title, "author": about.author, "subject": about.subject}))


def _style(paragraph: Paragraph) -> str:
    style = paragraph.style
    return str(style.name or "") if style is not None else ""


def _cells(row: Any) -> Iterator[str]:
    """A row's texts; cells that were merged are one cell."""
    cells, at = row.cells, 0
    while at < len(cells):
        yield cells[at].text
        at += max(1, cells[at].grid_span)  # it stands there once for each column
