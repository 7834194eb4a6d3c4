"""What reading a library of files gives: documents, and what could not be read, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from index.documents import Document

WITHOUT_TEXT = "pages_without_text"
"""In the metadata of a PDF that has such pages beside others: how many."""


@dataclass(frozen=True)
class Unread:
    """A file, or a row of one ("faq.csv#12"), that is not in the index. `reason` completes "<path> <reason>"."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@dataclass(frozen=True)
class Reading:
    """Documents in a stable order, each with text and a path of its own; and what could not be read."""

    documents: list[Document]
    unread: list[Unread]


class Unreadable(Exception):
    """Inside this package: why a file is left out. Never reaches a user but as an Unread's reason."""


class Scanned(Unreadable):
    """There are pictures of pages, and no text."""
