"""Answers: yes, no or null, for a field in which nothing need be said.

A small model answers from the tone of what it reads: whoever is content is taken to recommend. It seldom writes null,
and is seldom sure of what it writes instead. So each such field is asked for by itself, as if it were the first, and
an answer stands only where the model is all but certain of it (docs/prompts.md).

Knows grammars and the probabilities of tokens; knows no contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Message
from models.engines.lone_field import alternatives, ask_alone, start_of_value
from models.engines.weighing import Ask
from models.grammar.fragments.fragment import either, text_fragment

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
    calls = await ask_alone(ask, messages, fields, spaced, either(map(text_fragment, _WORDS)))
    values: dict[str, bool | None] = {}
    doubted: dict[str, float] = {}
    for field, call in calls.items():
        shares = _shares(call, start_of_value(field, spaced))
        best = "true" if shares["true"] >= shares["false"] else "false"
        values[field] = _WORDS[best] if shares[best] >= CERTAIN else None
        if values[field] is None:
            doubted[field] = shares[best]
    return Answers(values, doubted, tuple(calls.values()))


def _shares(call: Completion, start: int) -> dict[str, float]:
    """How likely each word is at byte `start`, of all three, from the first token that tells them apart."""
    found = dict.fromkeys(_WORDS, 0.0)
    for token, share, _ in alternatives(call, start):
        for word in found:
            if word.startswith(token) or token.startswith(word):
                found[word] += share
    whole = sum(found.values())
    return {word: share / whole for word, share in found.items()} if whole else found
