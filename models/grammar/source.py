"""Source texts that a model may copy from: normalised, cut into chunks that no copy splits, or into sentences.

Knows Unicode, Markdown's blocks and English abbreviations. Does not know grammars.
"""

from __future__ import annotations

import re
import unicodedata

from models.grammar.control_tokens import broken

_JOINERS = "\u200c\u200d"  # zero-width (non-)joiners belong to the letters around them
_APOSTROPHES = "'’"
# Over one class letter per character, see _class. A number stays whole with its separators and its currency sign
# ("₹15,000", "24/12", "7:30"), so does a reference ("AB-123") and a word with an apostrophe ("don't").
_CHUNK = re.compile(r"(?:C(?=D))?(?:[LD]|(?<=D)[PH](?=D)|(?<=D)H(?=L)|(?<=L)H(?=D)|(?<=L)A(?=L))+(?:(?<=D)C)?|S+|.")
_MARKER = re.compile(r"^\s*(?:[-*+>]\s+|\d+[.)]\s+|\|)")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?…।])|(?<=[.!?…।][\"'”’)\]]))\s+(?![a-z])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Nos?|Rs|approx|incl|max|min|vs|cf|e\.g|i\.e|[A-Z])\.$", re.I)


def normalise(text: str) -> str:
    """`text` in NFC, every run of white space one space, no control characters, control tokens broken up, trimmed.

    Prompts show this form too, so that what a model reads is what it may copy.
    """
    if text.isascii() and text.isprintable():  # the usual case, without a look at every character
        return broken(" ".join(text.split()))
    shown = (c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs"))
    return broken(unicodedata.normalize("NFC", " ".join("".join(shown).split())))


def chunks(text: str) -> list[str]:
    """Cut `text` where a copy may start or end; the chunks joined are `text`."""
    classes = "".join(map(_class, text))
    return [text[match.start() : match.end()] for match in _CHUNK.finditer(classes)]


def sentences(passage: str) -> list[list[str]]:
    """The whole sentences of `passage`, normalised, by paragraph; headings and list markers are left out."""
    blocks = (_split(normalise(paragraph)) for paragraph in _paragraphs(passage))
    return [block for block in blocks if block]


def _class(c: str) -> str:
    if c.isspace():
        return "S"
    category = unicodedata.category(c)
    if category == "Nd":
        return "D"
    if category[0] in "LNM" or c == "_" or c in _JOINERS:
        return "L"
    if category == "Sc":
        return "C"
    return "A" if c in _APOSTROPHES else "H" if c == "-" else "P" if c in ".,:/" else "O"


def _paragraphs(passage: str) -> list[str]:
    found: list[list[str]] = [[]]
    for line in passage.splitlines():
        heading = line.lstrip().startswith("#")
        if heading or not line.strip() or _MARKER.match(line):
            found.append([])
        if not heading:
            found[-1].append(_MARKER.sub("", line))
    return [" ".join(lines) for lines in found]


def _split(paragraph: str) -> list[str]:
    found: list[str] = []
    for part in _SENTENCE_END.split(paragraph):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += f" {part}"
        elif part:
            found.append(part)
    return found
