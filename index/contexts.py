"""One sentence of context for each passage, written by a model: asked for once, kept, and seen by both searches.

Knows what a model is told around a passage, and which sentences are there already; nothing of models. A sentence is
never part of a passage's text, so that nothing that a model wrote can be quoted as if a document said it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol

from index.documents import Document, Passage
from index.storage.sentences import Sentences

LONGEST = 150
"""Characters of a sentence."""
TOKENS = 48
"""Of the encoder's, kept free for a sentence: passages are cut as much shorter where the encoder's limit is near."""
_OPENING, _BEFORE = 400, 600


@dataclass(frozen=True)
class Surroundings:
    """A passage's text, its heading path, how its document begins, and what stands before it there (both cut)."""

    heading: str
    opening: str
    before: str
    text: str


class ContextWriter(Protocol):
    """Writes sentences of context. `name`: of the model and of what it is asked; another name, other sentences."""

    @property
    def name(self) -> str: ...
    def write(self, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
        """`made(place, sentence)` for each as soon as it is there, in any order, from this thread; "" for none."""


class Contexts:
    """The sentences of a build. `before`: those of the version before, by key; `kept`: those of a build that was
    killed, to which each is added as soon as it is there.
    """

    def __init__(self, writer: ContextWriter, before: Mapping[bytes, str], kept: Sentences) -> None:
        self._writer, self._before, self._kept = writer, before, kept
        self.written = 0

    def of(self, asked: Sequence[Surroundings]) -> list[tuple[bytes, str]]:
        """Key and sentence of each; the writer is asked for those that are nowhere yet, and once for equal ones."""
        keys = [self._key(one) for one in asked]
        missing = {
            key: one
            for key, one in zip(keys, asked, strict=True)
            if key not in self._before and key not in self._kept.found
        }
        order = list(missing)

        def made(place: int, sentence: str) -> None:
            self._kept.add(order[place], " ".join(sentence.split())[:LONGEST])
            self.written += 1

        if missing:
            self._writer.write(list(missing.values()), made)
        return [(key, self._before[key] if key in self._before else self._kept.found[key]) for key in keys]

    def _key(self, one: Surroundings) -> bytes:
        told = repr((self._writer.name, *astuple(one)))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()[:16]


def surroundings(document: Document, passages: Sequence[Passage]) -> list[Surroundings]:
    """What a writer is told of each of a document's passages."""
    text = document.text
    return [
        Surroundings(
            one.heading,
            text[: min(_OPENING, one.start)].strip(),
            text[max(_OPENING, one.start - _BEFORE) : one.start].strip(),
            one.text,
        )
        for one in passages
    ]
