"""Copied: the exact words of a source that a model copied with other case, punctuation or spelling of its signs.

Knows words; a source's words in the same order, all of them and nothing between, or nothing. Whether the copy may start
and end there is the grammar's to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from models.grammar.grammar import Grammar

LONGEST = 8192
"""Characters of a text that is looked for: no copy is longer."""

_WORD = re.compile(r"[^\W_]+")


def from_source(text: str, source: str, grammar: Grammar) -> Iterator[str]:
    """The runs of the "said" or the "evidence" that say what `text` says."""
    wanted = [word for word, _, _ in _words(text)] if len(text) <= LONGEST else []
    if not wanted:
        return
    if source == "said":
        for message in grammar.said:
            yield from _runs(wanted, message)
        return
    for block in grammar.evidence:
        for first in range(len(block)):
            for count in range(1, min(3, len(block) - first) + 1):
                sentences = " ".join(block[first : first + count])
                if [word for word, _, _ in _words(sentences)] == wanted:
                    yield sentences


def _runs(wanted: list[str], message: str) -> Iterator[str]:
    words = _words(message)
    for first in range(len(words) - len(wanted) + 1):
        if all(words[first + number][0] == word for number, word in enumerate(wanted)):
            start, end = words[first][1], words[first + len(wanted) - 1][2]
            yield message[start:end]
            # A sign that belongs to a number is no word: "₹15,000", "5%".
            yield message[max(start - 1, 0) : end].strip()
            yield message[start : end + 1].strip()


@lru_cache(maxsize=256)
def _words(text: str) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (unicodedata.normalize("NFKC", match.group()).casefold(), match.start(), match.end())
        for match in _WORD.finditer(text)
    )
