"""Answers: yes, no or null, for a field in which nothing need be said.

A small model answers from the tone of what it reads: whoever is content is taken to recommend. It seldom writes null,
and is seldom sure of what it writes instead. So each such field is asked for by itself, as if it were the first, and
an answer stands only where the model is all but certain of it (docs/prompts.md).

Knows grammars and the probabilities of tokens; knows no contract.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Decoding, Message
from models.engines.mentions import openings
from models.engines.weighing import LIKELIEST, Ask
from models.grammar.fragments.fragment import either, text_fragment
from models.grammar.grammar import Grammar
from models.grammar.separators import separators

CERTAIN = 0.85
"""How likely an answer has to be among yes, no and null."""

_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Answers:
    """`values`: by key, the answer, or None. `doubted`: how likely those were that are None for want of certainty.
    `calls`: the completions that this was read from."""

    values: Mapping[str, bool | None]
    doubted: Mapping[str, float]
    calls: tuple[Completion, ...] = ()


async def answers(ask: Ask, messages: Sequence[Message], fields: Sequence[str], spaced: bool) -> Answers:
    """Yes, no or null for each field, by key: one call for each, made at once.

    `messages` ask for the whole form. `spaced` as in `compile_grammar`. Raises what `ask` raises.
    """
    asked = Decoding(logprobs=LIKELIEST)
    calls = await asyncio.gather(*[ask(messages, _grammar(field, spaced), asked) for field in fields])
    values: dict[str, bool | None] = {}
    doubted: dict[str, float] = {}
    for field, call in zip(fields, calls, strict=True):
        shares = _shares(call, len(_head(field, spaced).encode()))
        best = "true" if shares["true"] >= shares["false"] else "false"
        values[field] = _WORDS[best] if shares[best] >= CERTAIN else None
        if values[field] is None:
            doubted[field] = shares[best]
    return Answers(values, doubted, tuple(calls))


def _head(field: str, spaced: bool) -> str:
    return f"{{{json.dumps(field, ensure_ascii=False)}{separators(spaced).colon}"


def _grammar(field: str, spaced: bool) -> Grammar:
    """An object with this key alone, as far as its value. Its literals are cut as in `compile_grammar`."""
    pieces = ("{", json.dumps(field, ensure_ascii=False), separators(spaced).colon)
    parts = [*map(text_fragment, pieces), either(map(text_fragment, _WORDS))]
    longest = sum(part.longest for part in parts)
    return Grammar(f"start: {' '.join(part.rule for part in parts)}", int(longest) + 2, spaced=spaced)


def _shares(call: Completion, start: int) -> dict[str, float]:
    """How likely each word is at byte `start`, of all three, from the first token that tells them apart."""
    found = dict.fromkeys(_WORDS, 0.0)
    for token, share in openings(call, start):
        for word in found:
            if word.startswith(token) or token.startswith(word):
                found[word] += share
    whole = sum(found.values())
    return {word: share / whole for word, share in found.items()} if whole else found
