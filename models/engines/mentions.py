"""Mentions: which fields of a form a conversation has a value for, read from what a model would write by itself.

A model that may only copy copies something, whatever was said, and a small one is no judge of what was said either.
What it would write freely tells: for a telephone number that nobody gave it makes up 1234567890. So each field is asked
for by itself, without the sources in the grammar, and what counts is how likely the value begins as something does that
was said. Nothing but that beginning is used of what it writes.

Knows grammars and the probabilities of tokens; knows no contract.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from models.engines.engine import Completion, Decoding, Message
from models.engines.weighing import LIKELIEST, Ask, Weighed
from models.grammar.fragments.fragment import text_fragment
from models.grammar.grammar import Grammar
from models.grammar.separators import separators

BEGUN = 12
"""Characters of a word that are written at most: no more than a first token is wanted, but none shall be cut."""
_BEGINNING = rf'/[0-9]{{1,3}}|[^ "\\0-9\x00-\x1f\x7f]{{1,{BEGUN}}}/'


async def mentioned(
    ask: Ask, messages: Sequence[Message], fields: Sequence[str], said: Sequence[str], spaced: bool
) -> Weighed:
    """How likely a value of each field, by key, begins as something does that was said: 0 to 1, one call for each.

    `messages` ask for the whole form. `said`: what the customer said, normalised. `spaced` as in `compile_grammar`.
    Raises what `ask` raises.
    """
    drawn = Decoding(logprobs=LIKELIEST)
    calls = await asyncio.gather(*[ask(messages, _begun(field, spaced), drawn) for field in fields])
    pairs = zip(fields, calls, strict=True)
    shares = {field: _share(call, len(_head(field, spaced).encode()) + 1, said) for field, call in pairs}
    return Weighed(shares, tuple(calls))


def _head(field: str, spaced: bool) -> str:
    return f"{{{json.dumps(field, ensure_ascii=False)}{separators(spaced).colon}"


def _begun(field: str, spaced: bool) -> Grammar:
    """An object with this key alone, as far as a word or number that a text begins with, or null."""
    colon = text_fragment(separators(spaced).colon)
    parts = [text_fragment("{"), text_fragment(json.dumps(field, ensure_ascii=False)), colon]
    rule = " ".join(part.rule for part in parts)
    lark = f'start: {rule} (BEGUN | "null")\nBEGUN: "\\"" {_BEGINNING}'
    return Grammar(lark, int(sum(part.longest for part in parts)) + 4 * BEGUN + 2, spaced=spaced)


def _share(call: Completion, start: int, said: Sequence[str]) -> float:
    """Of the probability of a text, as far as byte `start`, the share of what begins there as something said does.

    An engine that tells no alternatives is taken at its word.
    """
    text = call.text.encode()
    if text[start - 1 : start] != b'"':
        return 0.0
    if not call.logprobs:
        return float(begins(_text(text[start:]).split(" ")[0], said))
    at, before = 0, 0.0
    for token in call.logprobs:
        own = _bytes(token)
        if at + len(own) > start:
            lead = own[: start - at]
            likely = [(_bytes(one), one["logprob"]) for one in token["top_logprobs"] or [token]]
            share = sum(
                math.exp(score)
                for body, score in likely
                if body.startswith(lead) and begins(_text(body[len(lead) :]), said)
            )
            return min(math.exp(before) * share, 1.0)
        at, before = at + len(own), before + token["logprob"]
    return 0.0


def begins(text: str, said: Sequence[str]) -> bool:
    """Whether a word of something said begins like this, or words do, whatever the case."""
    return bool(text.strip()) and any(re.search(rf"(?<!\w){re.escape(text)}", one, re.IGNORECASE) for one in said)


def _bytes(token: dict[str, Any] | Any) -> bytes:
    return bytes(token["bytes"]) if token.get("bytes") is not None else str(token["token"]).encode()


def _text(begun: bytes) -> str:
    """What bytes spell, without a character that is cut off."""
    return begun.decode(errors="ignore")
