"""Leniency: whether a class of an app's own takes ordinary words for a value. Knows words and classes; warns nobody.

Such a `read` acts on nonsense: asked for a user's name, "I need a headset, 1 piece" would be the user "need". What a
class reads should show by itself that it is one: digits, a form, a name that is on a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from models.contract import Contract
from models.said import written
from models.values.reading import SHIPPED
from pipeline.forms import slots

ORDINARY = (
    "I need a headset, 1 piece",
    "hello there",
    "thank you very much",
    "I do not know",
    "can you help me please?",
    "what do you mean by that",
    "one moment",
    "not sure, sorry",
    "my order has not arrived",
    "I want to talk to a person",
    "it is broken again",
    "as soon as possible",
    "that is not what I asked",
    "we talked about it yesterday",
    "nothing works here",
    "let me think about it",
)
"""What people answer instead of a value."""
FEW = 3
"""So many of them read as values show that a class guesses; one or two may be words that it really knows."""

NAME_WORDS = 3
"""A whole answer of more words that was taken for a text is more likely a sentence than a name."""


@dataclass(frozen=True)
class Lenient:
    """A field whose class read so many of the sentences; the first of them and what it was taken for."""

    field: str
    kind: str
    taken: int
    words: str
    value: str

    def __str__(self) -> str:
        return (
            f"{self.field}: {self.kind}.read takes {self.taken} of {len(ORDINARY)} everyday sentences for a value, such"
            f' as "{self.words}" for "{self.value}": let it read only what shows that it is one.'
        )


@dataclass(frozen=True)
class Loose:
    """A value that was read from an answer which says more than it, by a class that guesses."""

    contract: type[Contract]
    field: str
    value: object

    @property
    def question(self) -> str:
        """What the customer is asked before anything is done with it."""
        return f'I read "{written(self.value)}" as the {self.field.replace("_", " ")}: is that right?'

    def feeds(self, args: Sequence[object]) -> bool:
        """Whether an action's arguments hold it: as they are, as words, or in a form."""
        words = written(self.value)
        return any(
            arg == self.value
            or (isinstance(arg, str) and arg == words)
            or (isinstance(arg, self.contract) and getattr(arg, self.field) == self.value)
            for arg in args
        )


Guessed = dict[tuple[type[Contract], str], Loose]
"""Such values by contract and field."""


def loose(contract: type[Contract], field: str, value: object, answer: str, today: date) -> Loose | None:
    """The value of a field that an answer was read as, if it may have been guessed. Raises what its `read` raises."""
    kind = slots.said_kind(contract, field)
    plain = _plain(answer)
    if kind is None or kind in SHIPPED:
        return None
    if kind is str:
        doubtful = len(plain.split()) > NAME_WORDS
    else:
        doubtful = _plain(written(value)) != plain and guesses(kind, today)
    return Loose(contract, field, value) if doubtful else None


def guesses(kind: type[Any], today: date) -> bool:
    """Whether a class of an app's own accepts ordinary words. Raises what its `read` raises."""
    return _guesses(kind, today)  # type: ignore[arg-type]  # any class can be hashed


@cache
def _guesses(kind: type[Any], today: date) -> bool:
    return len(_taken(kind, today)) >= FEW


def lenient(contracts: Sequence[type[Contract]], today: date) -> list[Lenient]:
    """The fields whose own class accepts ordinary words. Raises what a `read` raises."""
    found = []
    for contract in contracts:
        for name in contract.model_fields:
            kind = slots.said_kind(contract, name)
            if kind is None or kind is str or kind in SHIPPED:
                continue
            if len(taken := _taken(kind, today)) >= FEW:
                found.append(Lenient(f"{contract.__name__}.{name}", kind.__name__, len(taken), *taken[0]))
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .,;!?")


def _taken(kind: type[Any], today: date) -> list[tuple[str, str]]:
    read = [(words, kind.read(words, today)) for words in ORDINARY]
    return [(words, str(value)) for words, value in read if value is not None]
