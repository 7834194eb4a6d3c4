"""Mentions: which fields of a form a conversation has a value for, read from what a model would write by itself.

A model that may only copy copies something, whatever was said, and a small one is no judge of what was said either.
What it would write freely tells: for a telephone number that nobody gave it makes up 1234567890. So each field is asked
for by itself, without the sources in the grammar, and what counts is how it would begin. Nothing else is used of what
it writes.

Knows grammars and the probabilities of tokens; knows no contract, nor what was said (claims.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Message
from models.engines.lone_field import alternatives, ask_alone, start_of_value
from models.engines.weighing import Ask
from models.grammar.fragments.fragment import Fragment

BEGUN = 12
"""Characters of a word that are written at most: no more than a first token is wanted, but none shall be cut."""
_TERMINAL = rf'BEGUN: "\"" /[0-9]{{1,3}}|[^ "\\0-9\x00-\x1f\x7f]{{1,{BEGUN}}}/'
_VALUE = Fragment('(BEGUN | "null")', 4 * BEGUN)
"""A word or number that a text begins with, or null."""


@dataclass(frozen=True)
class Beginning:
    """How a text may begin: with this token, how likely, and the whole `word` where it was written to its end."""

    token: str
    share: float
    word: str = ""


Begun = Sequence[Beginning]
"""How a text may begin, likeliest first."""


@dataclass(frozen=True)
class Mentions:
    """How each field's text would begin, by key, and the completions that this was read from."""

    begun: Mapping[str, Begun]
    calls: tuple[Completion, ...] = ()


async def mentions(ask: Ask, messages: Sequence[Message], fields: Sequence[str], spaced: bool) -> Mentions:
    """How a model would begin a text for each field, by key, if it wrote freely: one call for each, made at once.

    `messages` ask for the whole form. `spaced` as in `compile_grammar`. Raises what `ask` raises.
    """
    calls = await ask_alone(ask, messages, fields, spaced, _VALUE, _TERMINAL)
    begun = {field: beginnings(call, start_of_value(field, spaced) + 1) for field, call in calls.items()}
    return Mentions(begun, tuple(calls.values()))


def beginnings(call: Completion, start: int) -> list[Beginning]:
    """How a text begins at byte `start`, of which null has no part.

    An engine that tells no alternatives is taken at its word.
    """
    text = call.text.encode()
    if text[start - 1 : start] != b'"':
        return []
    word = text[start:].decode(errors="ignore")
    return [Beginning(token, share, word if taken else "") for token, share, taken in alternatives(call, start)]
