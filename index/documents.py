"""The values of this package: a document, a passage of it, and a passage found. Knows nothing of files or vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    """One source file. `path` is relative and names it in passages; `text` is exactly what the file decodes to."""

    path: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_markdown(self) -> bool:
        return self.path.lower().endswith((".md", ".markdown"))


@dataclass(frozen=True)
class Passage:
    """A stretch of one document, small enough for the encoder: `document.text[start:end] == text`.

    `start` and `end` count characters (code points), not bytes. `heading` is the path of the headings above it,
    "Refunds > Trains", and is no part of `text`. `id` is "<document>#<start>", unique within one index version.
    """

    id: str
    document: str
    heading: str
    text: str
    start: int
    end: int

    def under_heading(self, text: str) -> str:
        """`text`, a part of this passage, as the encoder should see it: headings name what the sentences leave out."""
        return f"{self.heading}\n{text}" if self.heading else text


@dataclass(frozen=True)
class Hit:
    """A passage found. Ranks start at 1; None means that this search did not find it at all.

    `score` is the fused score (higher is better): comparable within one search only.
    """

    passage: Passage
    score: float
    dense_rank: int | None
    lexical_rank: int | None
