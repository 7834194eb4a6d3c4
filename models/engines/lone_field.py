"""LoneField: a form's field asked for by itself, as if it were the form's first, and how its value begins.

Knows grammars and the probabilities of tokens; knows no contract, nor what is made of what a model says.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from models.engines.engine import Completion, Decoding, Message
from models.engines.weighing import LIKELIEST, Ask
from models.grammar.fragments.fragment import Fragment, text_fragment
from models.grammar.grammar import Grammar
from models.grammar.separators import separators


async def ask_alone(
    ask: Ask, messages: Sequence[Message], fields: Sequence[str], spaced: bool, value: Fragment, terminals: str = ""
) -> Mapping[str, Completion]:
    """What a model writes for each field, by key: one call for each, made at once.

    `messages` ask for the whole form. `spaced` as in `compile_grammar`. `value`: what may be written, with its
    `terminals` as lines of the grammar. Raises what `ask` raises.
    """
    told = Decoding(logprobs=LIKELIEST)
    grammars = [_grammar(field, spaced, value, terminals) for field in fields]
    calls = await asyncio.gather(*[ask(messages, grammar, told) for grammar in grammars])
    return dict(zip(fields, calls, strict=True))


def start_of_value(field: str, spaced: bool) -> int:
    """At which byte of such a text the field's value begins."""
    return len("".join(_head(field, spaced)).encode())


def alternatives(call: Completion, start: int) -> list[tuple[str, float, bool]]:
    """How a text may go on at byte `start`, as far as one token tells, how likely each way is, and which was taken.

    An engine that tells no alternatives is taken at its word.
    """
    if not call.logprobs:
        return [(_text(call.text.encode()[start:]), 1.0, True)]
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


def _head(field: str, spaced: bool) -> tuple[str, ...]:
    return "{", json.dumps(field, ensure_ascii=False), separators(spaced).colon


def _grammar(field: str, spaced: bool, value: Fragment, terminals: str) -> Grammar:
    """An object with this key alone, as far as its value. Its literals are cut as in `compile_grammar`."""
    parts = [*map(text_fragment, _head(field, spaced)), value]
    lines = [f"start: {' '.join(part.rule for part in parts)}", *filter(None, [terminals])]
    return Grammar("\n".join(lines), int(sum(part.longest for part in parts)) + 2, spaced=spaced)


def _bytes(token: dict[str, Any] | Any) -> bytes:
    return bytes(token["bytes"]) if token.get("bytes") is not None else str(token["token"]).encode()


def _text(begun: bytes) -> str:
    """What bytes spell, without a character that is cut off."""
    return begun.decode(errors="ignore")
