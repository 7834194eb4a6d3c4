"""Probe: whether llguidance can follow a terminal, tried before anybody depends on it. Knows no patterns.

Its lexer may use only so much fuel for one mask; a terminal that needs more ends a generation in the middle. How much
a mask costs shows only on the way, and only with tokens of several characters, so the probe walks with a small
vocabulary of them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_FUEL = 20_000
"""Of the 200,000 that llguidance allows for one mask. With 131,072 tokens masks were seen to need up to six times as
much as with these few, and no terminal that needed over 200,000 there needed less than this here."""
_KINDS = ("eta", "oins", "RX", "019", " ", ".,-@_/", "é", "東", "😀", "\u00a0")
_STEPS = 120


@lru_cache(maxsize=1024)
def probed(body: str) -> Literal["followed", "empty", "too complex"]:
    """What becomes of the terminal `body`: it admits no text, or it cannot be followed to its end, or all is well."""
    return followed(probe(f"start: TEXT\nTEXT: {body}"))


def probe(grammar: str) -> LLMatcher:
    """A matcher for a grammar of one text, for `followed`; it may be in error from the start."""
    from llguidance import LLMatcher, LLParserLimits  # not before a pattern needs it: contracts load no engine

    return LLMatcher(_vocabulary(), grammar, log_level=0, limits=LLParserLimits(step_lexer_fuel=_FUEL))


def followed(start: LLMatcher) -> Literal["followed", "empty", "too complex"]:
    """What becomes of a grammar of one text, as `probed` says."""
    size = _vocabulary().vocab_size
    for seed in range(2):
        matcher = start.deep_copy()  # what one walk taught the lexer would cost the next one no fuel
        random = Random(seed)
        for step in range(_STEPS):
            mask = int.from_bytes(matcher.compute_bitmask(), "little")
            if matcher.is_error():
                return "too complex" if "too" in matcher.get_error() else "empty"
            if matcher.is_stopped() or not mask:
                if step == 0:
                    return "empty"
                break
            words = mask >> 256 << 256 or mask
            first = random.randrange(256, size)
            later = words >> first << first or words  # the next allowed token from a random place on
            matcher.consume_token((later & -later).bit_length() - 1)
    return "followed"


@cache
def _vocabulary() -> LLTokenizer:
    """Bytes, and words of one to nine characters of all kinds."""
    from llguidance import LLTokenizer, TokenizerWrapper

    random = Random(0)
    words = {"".join(random.choice(random.choice(_KINDS[:4])) for _ in range(n % 9 + 1)) for n in range(600)}
    words |= {"".join(random.choice(random.choice(_KINDS)) for _ in range(n % 6 + 1)) for n in range(600)}
    words |= {" " + word for word in sorted(words)[::3]} | {" " * n for n in range(1, 9)}

    tokens = [*(bytes([n]) for n in range(256)), *(word.encode() for word in sorted(words)), b"<end>"]
    return LLTokenizer(TokenizerWrapper(_Vocabulary(tokens)))


class _Vocabulary:
    """What llguidance asks of a tokenizer; the last token ends a text."""

    bos_token_id = None

    def __init__(self, tokens: list[bytes]) -> None:
        self.tokens = tokens
        self.eos_token_id = len(tokens) - 1
        self.special_token_ids = [self.eos_token_id]

    def __call__(self, text: bytes) -> list[int]:
        return list(text)
