"""From documents to passages: along headings first, then along the largest Markdown blocks that fit the encoder.

Knows nothing of vectors or storage. A passage never crosses a heading, so that its heading path is true of all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from markdown_it import MarkdownIt
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from index.documents import Document, Heading, Passage
from index.reading import front_matter_end

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

# What is given to a splitter at once; 32,768 characters are ten pages.
_PIECE = 32_768
_LONGEST_TITLE = 1_000
# Quotes in quotes in quotes take the Markdown splitter quadratic time.
_NESTED = re.compile(r"^(?:[ \t]*>){16}", re.MULTILINE)
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class _Section:
    heading: str
    start: int
    end: int


class Chunker:
    """Splits documents into passages of at most `tokens` tokens, of which at most `overlap` are the passage before's.

    `tokenizer`: the encoder's tokenizer as JSON (Hugging Face tokenizers format, truncation off), or None to count
    characters instead. `limit`: the most tokens that the encoder reads, headings and special tokens included.
    """

    def __init__(self, tokenizer: str | None, limit: int, tokens: int = PASSAGE_TOKENS, overlap: int = 0) -> None:
        capacity = max(16, min(tokens, limit - _HEADING_TOKENS))
        overlap = max(0, min(overlap, capacity // 2))
        self._longest = capacity * _MOST_CHARACTERS_PER_TOKEN
        self._cutter = TextSplitter(self._longest)
        # Of ASCII, a token is a character or more.
        self._fits = capacity
        if tokenizer is None:
            capacity *= _CHARACTERS_PER_TOKEN
            overlap *= _CHARACTERS_PER_TOKEN
            self._markdown = MarkdownSplitter(capacity, overlap)
            self._text = TextSplitter(capacity, overlap)
        else:
            self._markdown = MarkdownSplitter.from_huggingface_tokenizer_str(tokenizer, capacity, overlap)
            self._text = TextSplitter.from_huggingface_tokenizer_str(tokenizer, capacity, overlap)

    def split(self, document: Document) -> list[Passage]:
        """The document's passages in reading order; none for a document without text below its headings."""
        place = _Bytes(document)
        passages = []
        for heading, start, text in self._stretches(document):
            name, end = document.path, start + len(text)
            passages.append(Passage(f"{name}#{start}", name, heading, text, start, end, *place.of(start, text)))
        return passages

    def _stretches(self, document: Document) -> Iterator[tuple[str, int, str]]:
        """Heading path, start and text of each passage."""
        marked = document.is_markdown or bool(document.headings)
        for section in _sections(document):
            for start, end in _pieces(document.text, section.start, section.end):
                piece = document.text[start:end]
                bare = piece.strip()
                if not bare:
                    continue
                if len(bare) <= self._fits and bare.isascii():
                    chunks = [(piece.index(bare), bare)]
                elif marked and not _NESTED.search(piece):
                    chunks = self._markdown.chunk_indices(piece)
                else:
                    chunks = self._text.chunk_indices(piece)
                for offset, chunk in chunks:
                    for cut, text in [(0, chunk)] if len(chunk) <= self._longest else self._cutter.chunk_indices(chunk):
                        if text.strip():
                            yield section.heading, start + offset + cut, text


class _Bytes:
    """Where stretches of a document lie in the source file, asked for in the order of their starts."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._character = 0
        self._byte = document.byte_order_mark

    def of(self, start: int, text: str) -> tuple[int, int] | tuple[None, None]:
        encoding = self._document.encoding
        if not encoding:
            return None, None
        self._byte += len(self._document.text[self._character : start].encode(encoding))
        self._character = start
        return self._byte, self._byte + len(text.encode(encoding))


def _sections(document: Document) -> Iterator[_Section]:
    """The stretches between headings. The document's title stands where no heading of the first level does."""
    title = document.metadata.get("title")
    path: dict[int, str] = {0: title} if isinstance(title, str) else {}
    start, headings = 0, document.headings
    if document.is_markdown:
        start = front_matter_end(document.text)
        headings = tuple(_markdown_headings(document.text, start))
    for heading in headings:
        yield _Section(_heading(path), start, heading.start)
        path = {above: title for above, title in path.items() if above < heading.level and (above or heading.level > 1)}
        path[heading.level] = heading.title
        start = heading.end
    yield _Section(_heading(path), start, len(document.text))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch cut into pieces that a splitter takes in linear time: after an empty line, if one is near."""
    while end - start > _PIECE:
        cut = -1
        for mark in ("\n\n", "\n", " "):
            cut = text.rfind(mark, start + _PIECE // 2, start + _PIECE)
            if cut >= 0:
                break
        after = cut + len(mark) if cut >= 0 else start + _PIECE
        yield start, after
        start = after
    yield start, end


def _markdown_headings(text: str, body: int) -> Iterator[Heading]:
    """A CommonMark parser finds these: `#` in a code block is no heading."""
    lines = [body, *(match.end() for match in _NEWLINE.finditer(text, body)), len(text)]
    parser, lines_only = _parsers()
    for token, inline in pairwise(lines_only.parse(text[body:])):
        if token.type == "heading_open" and not token.level and token.map is not None:
            first, after = token.map
            parsed = parser.parseInline(inline.content[:_LONGEST_TITLE])[0].children or []
            title = " ".join(child.content for child in parsed if child.content)
            yield Heading(int(token.tag[1:]), title, lines[first], lines[min(after, len(lines) - 1)])


@lru_cache(maxsize=1)
def _parsers() -> tuple[MarkdownIt, MarkdownIt]:
    """One for titles, one for the rest: a hostile file holds more inside its lines than time allows to read."""
    return MarkdownIt("commonmark"), MarkdownIt("commonmark").disable("inline")


def _heading(path: dict[int, str]) -> str:
    titles = [" ".join(title.split()) for title in path.values() if title.strip()]
    whole = " > ".join(titles)
    return whole if len(whole) <= _HEADING_CHARACTERS else titles[-1][:_HEADING_CHARACTERS]
