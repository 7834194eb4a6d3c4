"""Text files: the text as it is."""

from __future__ import annotations

from typing import BinaryIO

from index.documents import Document
from index.reading.encoding import decode
from index.reading.opening import whole

MOST_BYTES = 33_554_432


def read_text(name: str, stream: BinaryIO) -> Document:
    """Raises Unreadable."""
    found = decode(whole(stream, MOST_BYTES))
    return Document(name, found.text, {}, "text", found.encoding, found.byte_order_mark)
