"""A model that never means well: uniformly random tokens under the grammar's mask."""

from __future__ import annotations

from random import Random

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from models.grammar import Grammar


def random_walk(grammar: Grammar, tokenizer: LLTokenizer, random: Random) -> tuple[str, int]:
    """One text that `grammar` admits, and its count of tokens. AssertionError if the walk gets stuck or over budget."""
    assert LLMatcher.validate_grammar(grammar.lark, tokenizer) == "", grammar.lark
    matcher = LLMatcher(tokenizer, grammar.lark)
    tokens: list[int] = []
    while not matcher.is_stopped():
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = np.flatnonzero(bits)
        assert len(allowed), f"stuck after {tokenizer.decode_bytes(tokens)!r}"
        token = int(random.choice(allowed))
        if token == tokenizer.eos_token:
            break
        tokens.append(token)
        assert len(tokens) <= grammar.max_tokens, f"over budget: {tokenizer.decode_bytes(tokens)!r}"
        assert matcher.consume_token(token), matcher.get_error()
    return tokenizer.decode_bytes(tokens).decode(), len(tokens)


def admits(grammar: Grammar, tokenizer: LLTokenizer, text: str) -> bool:
    """Whether `text` is a whole text of `grammar`."""
    matcher = LLMatcher(tokenizer, grammar.lark)
    tokens = tokenizer.tokenize_str(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())
