"""Multi-intent: cuts a message that holds several intents into one text for each, in order of appearance.

Knows clauses and the words that join them; what a clause is about is told by its caller. A cut is made only where the
clauses on both sides are surely about different things: any other clause belongs to the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_CLAUSES = 24
"""More are not told apart: a message as long as that is a story, not a list of wishes."""

LEAST_WORDS = 2
"""A clause of one word ("… and refund") is no wish of its own."""

BEGINNING = 40
"""Characters of a part in which a condition ("and if so, …") or an order ("but first …") stands."""

_JOINING = r"(?:and|but|so|then|also|plus)(?:\s+(?:if (?:so|not|yes|that works)|in that case|then|also|so))*"
_CUT = re.compile(rf"(?<=[.!?;…])\s+|\n+|\s*[,–—-]?(?<!\bif)(?<!\band)(?<!\bbut)\s+(?={_JOINING}\s)", re.I)
_FINE = re.compile(
    r"\s*,?\s+(?:as well as|besides|in addition(?: to that)?|additionally)[\s,]+|\s*[,;]\s+|\s+[&+]\s+", re.I
)
_LEADING = re.compile(rf"^(?:{_JOINING})\s+", re.I)
_CONDITION = re.compile(
    r"\b(?:if (?:so|not|yes|that works|possible|it is|you (?:can|do)|that'?s)|in that case|otherwise|unless)\b", re.I
)
_BEFORE = re.compile(r"\b(?:but first|first of all|before (?:that|you do|this)|beforehand)\b", re.I)

Sure = Callable[[Sequence[str]], list[str | None]]
"""The intent of each text, or None where there is a doubt or none."""


@dataclass(frozen=True)
class Wish:
    """One part of a message, in the customer's own words.

    `conditional`: it hangs on how the parts before it end. `before`: it says that it may have to be done before them.
    """

    text: str
    intent: str
    conditional: bool = False
    before: bool = False


def clauses(text: str) -> list[tuple[int, int]]:
    """Start and end of each clause; a conjunction belongs to the clause that it begins."""
    found: list[tuple[int, int]] = []
    start = 0
    for cut in _CUT.finditer(text):
        if len(found) == MOST_CLAUSES - 1:
            break
        if text[start : cut.start()].strip() and not re.fullmatch(rf"\s*{_JOINING}\s*", text[start : cut.start()]):
            found.append((start, cut.start()))
            start = cut.end()
    return [*found, (start, len(text))]


def bare_clauses(text: str) -> list[str]:
    """The words of each clause, without the conjunction in front of it."""
    return [_bare(text[start:end]) for start, end in clauses(text)]


def fine_clauses(text: str) -> list[str]:
    """The same, cut at commas and other joining words as well: for what may be told, where nothing is cut off."""
    return [piece for clause in bare_clauses(text) for piece in map(_bare, _FINE.split(clause)) if piece]


def wishes(text: str, sure: Sure) -> list[Wish]:
    """The parts of a message if it surely holds several intents; else nothing."""
    spans = clauses(text)
    if len(spans) < 2:
        return []
    bare = bare_clauses(text)
    read = sure(bare)
    intents = [
        intent if len(clause.split()) >= LEAST_WORDS else None for clause, intent in zip(bare, read, strict=True)
    ]
    groups: list[tuple[int, int, str]] = []
    begin = 0
    for (start, end), intent in zip(spans, intents, strict=True):
        if groups and intent in (None, groups[-1][2]):
            groups[-1] = (groups[-1][0], end, groups[-1][2])
        elif intent is not None:
            groups.append((begin if not groups else start, end, intent))
    if len({intent for _, _, intent in groups}) < 2:
        return []
    texts = [_bare(text[start:end]) for start, end, _ in groups]
    if sure(texts) != [intent for _, _, intent in groups]:
        return []
    found = [Wish(texts[0], groups[0][2])]
    for (start, _, intent), words in zip(groups[1:], texts[1:], strict=True):
        beginning = text[start : start + BEGINNING]
        found.append(Wish(words, intent, bool(_CONDITION.search(beginning)), bool(_BEFORE.search(beginning))))
    return found


def _bare(clause: str) -> str:
    """A clause without the conjunction in front of it."""
    return _LEADING.sub("", clause.strip()).strip(" ,;") or clause.strip()
