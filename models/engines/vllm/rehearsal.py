"""Rehearsal: what a server does with a request's grammar, done once where it does no harm.

Runs in a sandbox beside a server's front end. Does not import vLLM.
"""

from __future__ import annotations

from llguidance import LLMatcher

from models.engines.closing import shortest
from models.grammar.matchers import BYTES
from models.grammar.sandbox import walk


def rehearse(asked: tuple[str, str | None, bool]) -> None:
    """Compile a grammar in llguidance's form, and ask what may come first. `asked`: that, its text in Lark where it is
    given so, and whether its answer is to be closed."""
    grammar, lark, closes = asked
    matcher = LLMatcher(BYTES, grammar, log_level=0)
    matcher.compute_bitmask()
    if lark is not None:  # only there may something go on for ever
        walk(lark, matcher)
        if closes:
            shortest(lark)
