"""RandomWalk: tokens at random among those that a grammar allows, as a model might write which never means well.

If it cannot break a contract, no model can. Knows grammars, closing and tokenizers; has no weights, reads no prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

from models.engines.closing import Closing, shortest, tokens_of
from models.errors import BudgetTooSmall
from models.grammar.grammar import Grammar
from models.grammar.matchers import compiled, fault_of

Draw = Literal["uniform", "longest"]
"""uniform: every allowed token is as likely as any other. longest: tokens that end nothing, and characters of many
bytes, come first, which finds budgets that are too small."""

Fault = Literal["stuck", "over_budget", "undecodable"]


@dataclass(frozen=True)
class Walk:
    """One text under a grammar. `tokens` counts the one that ends it.

    `fault`: None, or what the grammar or its budget got wrong: no token was allowed ("stuck"), the text had not ended
    within the budget ("over_budget"), or its bytes are not UTF-8 ("undecodable"); `why` says more. `closed`: the field
    that was being written when only an ending could follow, "" where it came to its end by itself.
    """

    text: str
    tokens: int
    fault: Fault | None = None
    why: str = ""
    closed: str = ""


def random_walk(
    grammar: Grammar, tokenizer: LLTokenizer, random: Random, draw: Draw = "uniform", budget: int | None = None
) -> Walk:
    """A random text under `grammar`. `budget`: of its open form, closed within so many tokens; "over_budget" where no
    text is found that is short enough. Raises EngineError where llguidance cannot compile the grammar."""
    lark, most, closing = grammar.lark, grammar.max_tokens, None
    if budget is not None:
        lark, most = grammar.open or lark, budget
        try:
            closing = Closing(tokenizer, lark, budget)
        except BudgetTooSmall as error:
            return Walk("", 0, "over_budget", str(error))
    matcher = compiled(tokenizer, lark)
    preferred = _preferred(tokenizer) if draw == "longest" else ()
    words = -(-tokenizer.vocab_size // 32)  # the mask may have one more, for nothing
    tokens: list[int] = []
    fault: Fault | None = None
    while not matcher.is_stopped():
        token: int | None = None
        if closing is None or (not closing.closed and closing.spare > 0):
            allowed = np.frombuffer(matcher.compute_bitmask(), "<u4", words)
            token = draw_token(_narrowed(allowed, preferred), random)
            if token is None:
                fault = "stuck"
                break
            if token == tokenizer.eos_token:
                break
            if closing is not None and not closing.take([token], matcher):
                token = None
        if token is None and (closing is None or (token := closing.follow(matcher)) is None):
            break
        if len(tokens) == most - 1:  # the last token is left for the end
            fault = "over_budget"
            break
        tokens.append(token)
        matcher.consume_token(token)
    if matcher.is_error() or (closing is not None and not (fault or matcher.is_accepting() or matcher.is_stopped())):
        fault = "stuck"
    data = tokenizer.decode_bytes(tokens)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text, fault = data.decode(errors="replace"), fault or "undecodable"
    why = fault_of(matcher) if matcher.is_error() else ""
    return Walk(text, len(tokens) + 1, fault, why, closing.closed if closing else "")


def least_budget(grammar: Grammar, tokenizer: LLTokenizer) -> int | None:
    """Tokens that a shortest text of the open form takes, with the one that ends it. None where no short text is found:
    then engines, too, keep to the other form."""
    try:
        return len(tokens_of(tokenizer, shortest(grammar.open or grammar.lark))) + 1
    except BudgetTooSmall:
        return None


def draw_budget(least: int | None, random: Random, most: int | None) -> int | None:
    """Tokens for a text of the open form: from `least` up to `most`, and never fewer. None where either is."""
    return None if least is None or most is None else random.randint(least, max(least, most))


def draw_token(mask: NDArray[np.uint32], random: Random) -> int | None:
    """The number of one of the set bits in `mask`, each as likely as any other; None where no bit is set.

    Counts bits word by word, ten microseconds for 131,072 tokens: unpacking them all would take fifteen times that.
    """
    ends = np.bitwise_count(mask).cumsum(dtype=np.uint32)
    if not (total := int(ends[-1])):
        return None
    left = random.randrange(total)
    index = int(ends.searchsorted(left, side="right"))
    word = int(mask[index])
    for _ in range(left - (int(ends[index - 1]) if index else 0)):
        word &= word - 1  # clears the lowest bit
    return 32 * index + (word & -word).bit_length() - 1


def _narrowed(allowed: NDArray[np.uint32], preferred: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    for tokens in preferred:
        if (narrow := allowed & tokens).any():
            return narrow
    return allowed


@cache
def _preferred(tokenizer: LLTokenizer) -> tuple[NDArray[np.uint32], ...]:
    """Masks of tokens, those that make a text longest first; what is in none of them ends a list, an object or all."""
    words = [tokenizer.decode_bytes([token]) for token in range(tokenizer.vocab_size)]
    words[tokenizer.eos_token] = b""
    tails = set(range(0x80, 0xC0))
    kinds = [tails | set(range(first, last)) for first, last in ((0xF0, 0xF5), (0xE0, 0xF0), (0xC2, 0xE0))]
    masks = [[bool(word) and kind.issuperset(word) for word in words] for kind in kinds]
    # An "n" may begin null, where a text or an object would be longer; a comma ends a number, but continues a list.
    masks += [
        [bool(word) and not set(word) & set(b'",]}') and word[0] != ord("n") for word in words],
        [bool(word) and not set(word) & set(b"]}") and word[0] != ord("n") for word in words],
    ]
    padded = [np.pad(np.array(mask), (0, -len(mask) % 32)) for mask in masks]
    return tuple(np.packbits(mask, bitorder="little").view("<u4") for mask in padded)
