"""Mentions: which fields of a form a conversation has a value for, read from what a model would write by itself.

A model that may only copy copies something, whatever was said, and a small one is no judge of what was said either.
What it would write freely tells: for a telephone number that nobody gave it makes up 1234567890. So each field is asked
for by itself, without the sources in the grammar, and what counts is how it would begin. Nothing else is used of what
it writes.

Knows grammars and the probabilities of tokens; knows no contract, nor what was said (claims.py).
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.engines.engine import Completion, Decoding, Message
from models.engines.weighing import LIKELIEST, Ask
from models.grammar.fragments.fragment import text_fragment
from models.grammar.grammar import Grammar
from models.grammar.separators import separators

BEGUN = 12
"""Characters of a word that are written at most: no more than a first token is wanted, but none shall be cut."""
_BEGINNING = rf'/[0-9]{{1,3}}|[^ "\\0-9\x00-\x1f\x7f]{{1,{BEGUN}}}/'


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
    drawn = Decoding(logprobs=LIKELIEST)
    calls = await asyncio.gather(*[ask(messages, _begun(field, spaced), drawn) for field in fields])
    pairs = zip(fields, calls, strict=True)
    begun = {field: beginnings(call, len(_head(field, spaced).encode()) + 1) for field, call in pairs}
    return Mentions(begun, tuple(calls))


def _head(field: str, spaced: bool) -> str:
    return f"{{{json.dumps(field, ensure_ascii=False)}{separators(spaced).colon}"


def _begun(field: str, spaced: bool) -> Grammar:
    """An object with this key alone, as far as a word or number that a text begins with, or null."""
    colon = text_fragment(separators(spaced).colon)
    parts = [text_fragment("{"), text_fragment(json.dumps(field, ensure_ascii=False)), colon]
    rule = " ".join(part.rule for part in parts)
    lark = f'start: {rule} (BEGUN | "null")\nBEGUN: "\\"" {_BEGINNING}'
    return Grammar(lark, int(sum(part.longest for part in parts)) + 4 * BEGUN + 2, spaced=spaced)


def beginnings(call: Completion, start: int) -> list[Beginning]:
    """How a text begins at byte `start`, of which null has no part.

    An engine that tells no alternatives is taken at its word.
    """
    text = call.text.encode()
    if text[start - 1 : start] != b'"':
        return []
    word = _text(text[start:])
    if not call.logprobs:
        return [Beginning(word, 1.0, word)]
    return [Beginning(token, share, word if whole else "") for token, share, whole in _opened(call, start)]


def openings(call: Completion, start: int) -> list[tuple[str, float]]:
    """How a text may go on at byte `start`, as far as one token tells, and how likely each way is.

    An engine that tells no alternatives is taken at its word.
    """
    if not call.logprobs:
        return [(_text(call.text.encode()[start:]), 1.0)]
    return [(token, share) for token, share, _ in _opened(call, start)]


def _opened(call: Completion, start: int) -> list[tuple[str, float, bool]]:
    """The alternatives of the first token that goes beyond byte `start`, from there on, and which of them was taken."""
    at, before = 0, 0.0
    for token in call.logprobs:
        own = _bytes(token)
        if at + len(own) > start:
            lead = own[: start - at]
            likely = [(_bytes(one), one["logprob"]) for one in token["top_logprobs"] or [token]]
            found = [(body, math.exp(before + score)) for body, score in likely if body.startswith(lead)]
            shares = [(_text(body[len(lead) :]), share, body == own) for body, share in found]
            return [one for one in shares if one[0].strip()]
        at, before = at + len(own), before + token["logprob"]
    return []


def _bytes(token: dict[str, Any] | Any) -> bytes:
    return bytes(token["bytes"]) if token.get("bytes") is not None else str(token["token"]).encode()


def _text(begun: bytes) -> str:
    """What bytes spell, without a character that is cut off."""
    return begun.decode(errors="ignore")
