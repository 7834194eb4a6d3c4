"""Names: what the documents of an index are about, as people say it, and which of it a conversation speaks of.

A name is the value of `entity`, `name`, `venue` or `product` in a document's metadata, or a `title` that several
documents share. Knows words; nothing of vectors. Nothing is invented: a name is carried because it was said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

KEYS = ("entity", "name", "venue", "product")
"""Keys of metadata whose values are names. A title is one where SHARED documents have it."""
TITLE = "title"
SHARED = 2
LONGEST = 8
"""Words of a name; a longer value is a sentence."""
MOST_TURNS = 12
"""So far back a conversation is looked through for what it is about."""
_GENERIC = 3
"""A word in the names of so many is what kind of thing they are (hotel, house), and may be left out at the end."""
_SHORT = 6
"""Least letters of a name cut down to one word: shorter ones are words of every day."""

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_BACK = re.compile(
    r"\b(?:it|its|it's|they|them|their|there|here|this|that|these|those|one|you|your|both|same|he|she|his|her)\b", re.I
)


@dataclass(frozen=True)
class Subject:
    """A name that was said: the metadata `key` and the `value` that documents about it have."""

    key: str
    value: str


class Names:
    """`values`: (key, value, number of documents that have it)."""

    def __init__(self, values: Iterable[tuple[str, str, int]]) -> None:
        self._subjects: dict[tuple[str, ...], set[Subject]] = {}
        self._longest = 0
        kept = [
            (Subject(key, value), _words(value))
            for key, value, documents in values
            if key.lower() in KEYS or documents >= SHARED
        ]
        kept = [(subject, words) for subject, words in kept if 0 < len(words) <= LONGEST and "?" not in subject.value]
        self._kinds = {
            word
            for word, times in Counter(word for _, words in kept for word in set(words)).items()
            if times >= _GENERIC
        }
        short: dict[tuple[str, ...], set[Subject]] = {}
        for subject, words in kept:
            self._add(self._subjects, words, subject)
            for fewer in self._shortened(words):
                self._add(short, fewer, subject)
        for words, subjects in short.items():
            if len(subjects) == 1:  # "the house" is nobody's name
                self._subjects.setdefault(words, subjects)

    def __bool__(self) -> bool:
        return bool(self._subjects)

    def said(self, text: str) -> tuple[Subject, ...]:
        """The names in a text, in the order of their first mention; of overlapping ones the longest."""
        words, found, place = _words(text), dict[Subject, None](), 0
        while place < len(words):
            for length in range(min(self._longest, len(words) - place), 0, -1):
                subjects = self._subjects.get(words[place : place + length])
                if subjects:
                    found |= dict.fromkeys(sorted(subjects, key=lambda one: (one.key, one.value)))
                    place += length - 1
                    break
            place += 1
        return tuple(found)

    def about(self, query: str, turns: Sequence[str]) -> tuple[Subject, ...]:
        """What a question is about: the names in it, else those of the latest of the `turns` before it with any."""
        for text in (query, *list(reversed(turns))[:MOST_TURNS]):
            if found := self.said(text):
                return found
        return ()

    def refers_back(self, query: str) -> bool:
        """Whether a question's words point at something said before: "is it far from there?", "the hotel's pool"."""
        words = _words(query)
        pointed = any(first == "the" and second in self._kinds for first, second in pairwise(words))
        return pointed or _BACK.search(query) is not None

    def _add(self, where: dict[tuple[str, ...], set[Subject]], words: tuple[str, ...], subject: Subject) -> None:
        where.setdefault(words, set()).add(subject)
        self._longest = max(self._longest, len(words))

    def _shortened(self, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """A name without "the" before it and the kind of thing behind it: "Acorn Guest House" is called Acorn."""
        start = words[1:] if words[0] == "the" and len(words) > 1 else words
        for end in range(len(start), 0, -1):
            some = start[:end]
            own = [word for word in some if word not in self._kinds]
            if some != words and own and (len(some) > 1 or len(some[0]) >= _SHORT):
                yield some
            if some[-1] not in self._kinds:
                return


def _words(text: str) -> tuple[str, ...]:
    plain = text.casefold().replace("&", " and ").replace("'", "").replace("’", "")
    return tuple(_WORD.findall(plain))
