"""Markdown files: the text as it is, front matter as metadata. Headings are found later, by whoever cuts the text."""

from __future__ import annotations

from typing import BinaryIO

from index.documents import Document
from index.reading.encoding import decode
from index.reading.metadata import front_matter
from index.reading.opening import whole

MOST_BYTES = 33_554_432


def read_markdown(name: str, stream: BinaryIO) -> Document:
    """Raises Unreadable."""
    found = decode(whole(stream, MOST_BYTES))
    return Document(name, found.text, front_matter(found.text), "markdown", found.encoding, found.byte_order_mark)
