"""A text taken out of a file that is more than text: written block by block, with its headings on record."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from index.documents import Heading, Scalar
from index.reading.metadata import clean
from index.reading.reading import Unreadable

MOST_CHARACTERS = 33_554_432
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Sheet:
    """A table taken out of a workbook: the names of its columns, and the cells of each row below them."""

    name: str
    columns: list[str]
    rows: list[list[Scalar]]


@dataclass(frozen=True)
class Extracted:
    """`text` is Markdown in the main: headings, lists, tables and code look like it; nothing else is escaped.

    A workbook has `sheets` instead, whose rows are documents.
    """

    text: str
    headings: tuple[Heading, ...] = ()
    metadata: dict[str, Scalar] = field(default_factory=dict)
    sheets: tuple[Sheet, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Extracted:
        headings = tuple(Heading(**one) for one in fields["headings"])
        sheets = tuple(Sheet(**one) for one in fields["sheets"])
        return cls(fields["text"], headings, fields["metadata"], sheets)


class TextWriter:
    """Gathers an Extracted in reading order. Raises Unreadable when it gets too long."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._headings: list[Heading] = []
        self._length = 0

    def heading(self, level: int, title: str) -> None:
        title = " ".join(clean(title).split())
        if title:
            level = min(max(level, 1), 6)
            start = self._length
            self._add(f"{'#' * level} {title}")
            self._headings.append(Heading(level, title, start, self._length))
            self._add("\n\n")

    def block(self, text: str) -> None:
        """A paragraph, a list, a block of code: parted from its neighbours by an empty line."""
        text = _CONTROL.sub(" ", clean(text)).strip("\n")
        if text.strip():
            self._add(f"{text}\n\n")

    def table(self, rows: list[list[str]]) -> None:
        """The first row is its head."""
        rows = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
        rows = [row for row in rows if any(row)]
        if not rows:
            return
        width = max(map(len, rows))
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        self.block("\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]]))

    def done(self, metadata: dict[str, Scalar]) -> Extracted:
        return Extracted("".join(self._parts).rstrip("\n") + "\n", tuple(self._headings), metadata)

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > MOST_CHARACTERS:
            raise Unreadable(f"holds more than {MOST_CHARACTERS:,} characters of text")
        self._parts.append(text)
