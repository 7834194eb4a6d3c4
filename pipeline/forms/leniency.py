"""Leniency: whether a class of an app's own takes ordinary words for a value. Knows words and classes; warns nobody.

Such a `read` acts on nonsense: asked for a user's name, "I need a headset, 1 piece" would be the user "need". What a
class reads should show by itself that it is one: digits, a form, a name that is on a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.contract import Contract
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


def guesses(kind: type[Any], today: date) -> bool:
    """Whether a class of an app's own accepts ordinary words. Raises what its `read` raises."""
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


def _taken(kind: type[Any], today: date) -> list[tuple[str, str]]:
    read = [(words, kind.read(words, today)) for words in ORDINARY]
    return [(words, str(value)) for words, value in read if value is not None]
