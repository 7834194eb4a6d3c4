"""Matchers: grammars compiled for one tokenizer. Knows llguidance; knows no engine and no contract."""

from __future__ import annotations

from functools import lru_cache, partial

from llguidance import LLMatcher, LLTokenizer

from models.errors import EngineError
from models.grammar.grammar import Grammar

KEPT = 128
"""Grammars kept: an app's contracts, and those of conversations in flight; an old conversation's never come back."""


def compiled(tokenizer: LLTokenizer, lark: str) -> LLMatcher:
    """A matcher at the start of a grammar, compiled now. Raises EngineError where it cannot be."""
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
    if matcher.is_error():
        raise EngineError(f"llguidance cannot compile the grammar: {matcher.get_error()}", "Report this.")
    return matcher


class Matchers:
    """Hands out matchers. Compiling takes about a millisecond, a copy of what is compiled about a microsecond."""

    def __init__(self, tokenizer: LLTokenizer, kept: int = KEPT) -> None:
        self._compiled = lru_cache(kept)(partial(compiled, tokenizer))

    def start(self, grammar: Grammar) -> LLMatcher:
        """A matcher of one's own, at the start of `grammar`. Raises EngineError where it cannot be compiled."""
        return self.start_of(grammar.lark)

    def start_of(self, lark: str) -> LLMatcher:
        """The same for the text of a grammar."""
        return self._compiled(lark).deep_copy()


BYTES = LLTokenizer("byte")
"""The tokenizer whose tokens are bytes: of texts, whoever wrote them."""

BY_BYTES = Matchers(BYTES)
"""Its grammars, compiled once for whoever looks at texts: a contract's proof, its ending, the check of an answer."""
