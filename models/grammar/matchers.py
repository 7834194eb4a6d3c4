"""Matchers: grammars compiled for one tokenizer. Knows llguidance; knows no engine and no contract."""

from __future__ import annotations

import re
from collections import OrderedDict
from threading import Lock

from llguidance import LLMatcher, LLTokenizer

from models.errors import EngineError
from models.grammar.grammar import Grammar

KEPT = 128
"""Grammars kept: an app's contracts, and those of conversations in flight; an old conversation's never come back."""


def compiled(tokenizer: LLTokenizer, lark: str) -> LLMatcher:
    """A matcher at the start of a grammar, compiled now. Raises EngineError where it cannot be."""
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
    if matcher.is_error():
        fault = fault_of(matcher)
        if _SYMBOLS in fault:
            raise EngineError("The grammar has more rules than llguidance builds.", "Ask for fewer fields or values.")
        raise EngineError(f"llguidance cannot compile the grammar: {fault}", "Report this.")
    return matcher


_SYMBOLS = "grammar.symbols.len()"
"""What llguidance asserts of a grammar's size: some 65,000 rules and terminals."""


def fault_of(matcher: LLMatcher) -> str:
    """Why a matcher is in error; "" where it is not. llguidance's own text goes on with all of its state, or with where
    it panicked."""
    return re.split("\n<(?:state|backtrace)>", matcher.get_error(), maxsplit=1)[0].rstrip(".")


def is_outgrown(matcher: LLMatcher) -> bool:
    """Whether a matcher is in error because its grammar asks for more states than llguidance builds."""
    # The limit of its lexer has no reason to stop of its own: only the text tells it from other errors.
    return matcher.stop_reason() in ("LexerTooComplex", "ParserTooComplex") or "too many expr" in fault_of(matcher)


COPIES = 256
"""Copies of one compiled grammar. They share what its lexer builds, which has a limit."""


class Original:
    """A compiled grammar, at its start, to be copied by one thread at a time.

    Where one of the texts outgrows what the lexer builds, no other that began as a copy goes on: then it is spent, as
    it is after `COPIES`.
    """

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher
        self._latest = matcher
        self._copies = 0

    @property
    def is_spent(self) -> bool:
        """Whether no copy is to be had any more."""
        return self._copies >= COPIES or self._is_outgrown()

    def copy(self) -> LLMatcher:
        """A matcher of one's own, at the start."""
        self._copies += 1
        self._latest = self._matcher.deep_copy()
        return self._latest

    def _is_outgrown(self) -> bool:
        try:
            return self._latest.is_error() and is_outgrown(self._latest)
        except RuntimeError:  # "already borrowed": another thread makes a mask of it, so that it is in no error yet
            return False


class Matchers:
    """Hands out matchers, to any thread. Compiling takes about a millisecond, for some grammars a second; a copy of
    what is compiled about a microsecond.
    """

    def __init__(self, tokenizer: LLTokenizer, kept: int = KEPT) -> None:
        self._tokenizer = tokenizer
        self._most = kept
        self._compiled: OrderedDict[str, Original] = OrderedDict()
        self._lock = Lock()

    def has(self, lark: str) -> bool:
        """Whether the text of a grammar is compiled already."""
        return lark in self._compiled

    def start(self, grammar: Grammar) -> LLMatcher:
        """A matcher of one's own, at the start of `grammar`. Raises EngineError where it cannot be compiled."""
        return self.start_of(grammar.lark)

    def start_of(self, lark: str) -> LLMatcher:
        """The same for the text of a grammar."""
        with self._lock:
            known = self._compiled.get(lark)
            if known is not None and not known.is_spent:
                self._compiled.move_to_end(lark)
                return known.copy()
        made = Original(compiled(self._tokenizer, lark))
        with self._lock:
            self._compiled[lark] = made
            self._compiled.move_to_end(lark)
            while len(self._compiled) > self._most:
                self._compiled.popitem(last=False)
            return made.copy()


BYTES = LLTokenizer("byte", slices=[])
"""The tokenizer whose tokens are bytes: of texts, whoever wrote them. Without slices: masks prepared ahead, which pay
for large vocabularies alone and take an eighth of the time in which a grammar is compiled."""

BY_BYTES = Matchers(BYTES)
"""Its grammars, compiled once for whoever looks at texts: a contract's proof, its ending, the check of an answer."""
