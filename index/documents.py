"""The values of this package: a document, a passage of it, and a passage found. Knows nothing of files or vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool
"""What one entry of a document's metadata can be."""


@dataclass(frozen=True)
class Heading:
    """A heading of a document: `document.text[start:end]` is its line or lines, `level` 1 is the highest."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One source file, or one row of a table. `path` is relative and names it in passages; `text` is what is indexed.

    `format`: "markdown", "text", "html", "pdf", "docx", "epub", "eml", "pptx", "workbook", "csv", "jsonl", "parquet" or
    "arrow"; by the path's suffix when not given.
    `encoding`: of a file whose bytes are the text and nothing else, after `byte_order_mark` bytes; empty where the text
    was taken out of something. `headings`: those of a text taken out of something; Markdown's are found in its text.
    """

    path: str
    text: str
    metadata: Mapping[str, Scalar] = field(default_factory=dict, hash=False)
    format: str = ""
    encoding: str = ""
    byte_order_mark: int = 0
    headings: tuple[Heading, ...] = ()

    @property
    def is_markdown(self) -> bool:
        """Whether `text` is the Markdown that somebody wrote, so that its headings are to be found by parsing it."""
        return self.format == "markdown" or (not self.format and self.path.lower().endswith((".md", ".markdown")))


@dataclass(frozen=True)
class Passage:
    """A stretch of one document, small enough for the encoder: `document.text[start:end] == text`.

    `start` and `end` count characters (code points). `byte_start` and `byte_end` are the same stretch of the source
    file's bytes, None where the text was taken out of something (PDF, DOCX, HTML, a table's row). `heading` is the path
    of the headings above it, "Refunds > Trains", and is no part of `text`. `id` is "<document>#<start>", unique within
    one index version.
    """

    id: str
    document: str
    heading: str
    text: str
    start: int
    end: int
    byte_start: int | None = None
    byte_end: int | None = None

    def under_heading(self, text: str) -> str:
        """`text`, a part of this passage, as the encoder should see it: headings name what the sentences leave out."""
        return f"{self.heading}\n{text}" if self.heading else text

    def in_context(self, sentence: str) -> str:
        """All of it as the encoder should see it, with a sentence of context ("" for none; see contexts.py)."""
        return self.under_heading(f"{sentence}\n{self.text}" if sentence else self.text)


@dataclass(frozen=True)
class Hit:
    """A passage found. Ranks start at 1; None means that this search did not find it at all.

    `score` is what hits are ordered by (higher is better), comparable within one search only. `similarity` is the
    cosine of query and passage (-1 to 1), comparable between searches with one encoder. `bm25` and `rerank` are the
    lexical score and the cross-encoder's, where there is one. Of passages joined, all are those of the best of them.
    """

    passage: Passage
    score: float
    dense_rank: int | None
    lexical_rank: int | None
    similarity: float = 0.0
    bm25: float | None = None
    rerank: float | None = None
