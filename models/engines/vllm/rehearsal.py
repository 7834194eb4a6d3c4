"""Rehearsal: what a server does with a request's grammar, done once where it does no harm.

Runs in a sandbox beside a server's front end. Does not import vLLM.
"""

from __future__ import annotations

from llguidance import LLMatcher

from models.engines.closing import shortest
from models.grammar.matchers import BYTES, fault_of
from models.grammar.sandbox import walk


def rehearse(asked: tuple[str, str | None, bool]) -> str:
    """Compile a grammar in llguidance's form, and ask what may come first: what is wrong with that, "" for nothing.

    `asked`: the grammar, its text in Lark where it is given so, and whether its answer is to be closed.
    """
    grammar, lark, closes = asked
    matcher = LLMatcher(BYTES, grammar, log_level=0)
    if matcher.is_error():  # with this tokenizer: another may have the tokens that it names
        return ""
    matcher.compute_bitmask()
    if matcher.is_error():
        return fault_of(matcher)
    if lark is not None:  # only there may something go on for ever
        walk(lark, matcher)
        if closes:
            shortest(lark)
    return ""
