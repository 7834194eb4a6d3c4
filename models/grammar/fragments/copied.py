"""Copied: Said and Quote as fragments of a grammar, substrings of what the customer or the evidence says.

Knows where a copy may start and end. Does not know how the words are read.
"""

from __future__ import annotations

import json
from functools import lru_cache

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder, NoText, type_name
from models.grammar.fragments.fragment import Fragment, text_fragment
from models.grammar.source import chunks
from models.said import SaidMark
from models.values.reading import readable


def said_fragment(mark: SaidMark, where: str, builder: GrammarBuilder) -> Fragment:
    if not readable(mark.kind):
        raise ContractError(
            f"{where} is Said[{type_name(mark.kind)}], which cannot be read from words.",
            "Use str, int, float, Decimal, bool, date or Money, or give the class a classmethod read(text, today).",
        )
    most = mark.max_length
    spans: list[list[str]] = []
    for message in builder.said:
        spans.append([])
        for escaped in _escaped(message):
            if len(escaped) > most:
                spans.append([])  # a word that is longer than the field can only be left out
            else:
                spans[-1].append(escaped)
    words = [chunk for span in spans for chunk in span if chunk != " "]
    if not words:
        raise NoText(
            f"{where} can only be copied from the customer's messages, and they say nothing.",
            f"Pass them as said=[…], or make the field Said[{type_name(mark.kind)}] | None.",
        )
    if len(words) == 1 and all(span == words for span in spans if span):
        return text_fragment(f'"{words[0]}"')
    # A line break between two messages belongs to no chunk that the shape admits, so no span crosses it. The space
    # before the first word is the one that prompts show there: the shipped model copies it with the word.
    source = [chunk for span in spans if span for chunk in (" ", *span, "\n")]
    text = builder.terminal("SOURCE", f"%regex {json.dumps({'substring_chunks': source}, ensure_ascii=False)}")
    shape = rf"/ ?[^ \n](?:[^\n]{{0,{most - 2}}}[^ \n])?/" if most > 1 else r"/ ?[^ \n]/"
    longest = max(_widest(" " + "".join(span), most + 1) for span in spans)
    said = builder.terminal("SAID", rf'"\"" ({text} & {shape}) "\""')
    return Fragment(said, longest + 2, f"≤ {most} characters of the customer's words")


@lru_cache(64)
def _escaped(message: str) -> tuple[str, ...]:
    """The chunks of a message as they stand in a JSON text: the same for each field of each form that copies it."""
    return tuple(_encode(chunk)[1:-1] for chunk in chunks(message))


_encode = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: json.dumps makes one a call."""


def _widest(text: str, length: int) -> int:
    """The most bytes that `length` characters in a row of `text` take."""
    sizes = [len(c.encode()) for c in text]
    window = best = sum(sizes[:length])
    for leaving, entering in zip(sizes, sizes[length:], strict=False):
        window += entering - leaving
        best = max(best, window)
    return best


def quote_fragment(where: str, builder: GrammarBuilder) -> Fragment:
    texts = [
        json.dumps(" ".join(block[first : first + count]), ensure_ascii=False)
        for block in builder.evidence
        for first in range(len(block))
        for count in range(1, min(3, len(block) - first) + 1)
    ]
    if not texts:
        raise NoText(
            f"{where} can only be a sentence of the evidence, and there is none.",
            "Pass passages as evidence=[…], or make the field Quote | None.",
        )
    return builder.one_of("QUOTE", texts, "1–3 sentences of the evidence")
