"""From documents to passages: along headings first, then along the largest Markdown blocks that fit the encoder.

Knows nothing of vectors or storage. A passage never crosses a heading, so that its heading path is true of all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from index.documents import Document, Passage
from index.reader import front_matter_end

# A few sentences: enough to be understood alone, little enough that four of them fit a small model's prompt, and
# near what MiniLM was trained on (128 tokens).
PASSAGE_TOKENS = 160
# The encoder reads the heading path before the text, and cuts what is over its limit at the end.
_HEADING_TOKENS = 64
_HEADING_CHARACTERS = 200
# For encoders whose tokenizer cannot be handed over; English text has 4 to 5 characters a token.
_CHARACTERS_PER_TOKEN = 4
# A megabyte without a space is one unknown token to some encoders, and would be one passage.
_MOST_CHARACTERS_PER_TOKEN = 16

_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class _Section:
    heading: str
    start: int
    end: int


class Chunker:
    """Splits documents into passages of at most `tokens` tokens.

    `tokenizer`: the encoder's tokenizer as JSON (Hugging Face tokenizers format, truncation off), or None to count
    characters instead. `limit`: the most tokens that the encoder reads, headings and special tokens included.
    """

    def __init__(self, tokenizer: str | None, limit: int, tokens: int = PASSAGE_TOKENS) -> None:
        capacity = max(16, min(tokens, limit - _HEADING_TOKENS))
        self._longest = capacity * _MOST_CHARACTERS_PER_TOKEN
        self._cutter = TextSplitter(self._longest)
        if tokenizer is None:
            capacity *= _CHARACTERS_PER_TOKEN
            self._markdown, self._text = MarkdownSplitter(capacity), TextSplitter(capacity)
        else:
            self._markdown = MarkdownSplitter.from_huggingface_tokenizer_str(tokenizer, capacity)
            self._text = TextSplitter.from_huggingface_tokenizer_str(tokenizer, capacity)

    def split(self, document: Document) -> list[Passage]:
        """The document's passages in reading order; none for a document without text below its headings."""
        splitter = self._markdown if document.is_markdown else self._text
        sections = _sections(document.text) if document.is_markdown else [_Section("", 0, len(document.text))]
        return [
            _passage(document, section.heading, section.start + offset + cut, text)
            for section in sections
            for offset, chunk in splitter.chunk_indices(document.text[section.start : section.end])
            for cut, text in ([(0, chunk)] if len(chunk) <= self._longest else self._cutter.chunk_indices(chunk))
            if text.strip()
        ]


def _passage(document: Document, heading: str, start: int, text: str) -> Passage:
    return Passage(f"{document.path}#{start}", document.path, heading, text, start, start + len(text))


def _sections(text: str) -> Iterator[_Section]:
    """The stretches between headings. A CommonMark parser finds these: `#` in a code block is no heading."""
    body = front_matter_end(text)
    lines = [body, *(body + match.end() for match in _NEWLINE.finditer(text[body:])), len(text)]
    path: dict[int, str] = {}
    start = body
    tokens = MarkdownIt("commonmark").parse(text[body:])
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.level or token.map is None:
            continue
        first, after = token.map
        yield _Section(_heading(path), start, lines[first])
        level = int(token.tag[1:])
        path = {above: title for above, title in path.items() if above < level}
        path[level] = " ".join(child.content for child in inline.children or [] if child.content)
        start = lines[min(after, len(lines) - 1)]
    yield _Section(_heading(path), start, len(text))


def _heading(path: dict[int, str]) -> str:
    titles = [" ".join(title.split()) for title in path.values() if title.strip()]
    whole = " > ".join(titles)
    return whole if len(whole) <= _HEADING_CHARACTERS else titles[-1][:_HEADING_CHARACTERS]
