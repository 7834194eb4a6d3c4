"""Grammars of plain texts, as a request words them: one of some texts, a regular expression, a grammar in Lark.

Knows llguidance's Lark dialect; knows no contract. Whether a grammar can be compiled is found out here, once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from models.errors import ContractError, EngineError
from models.grammar.grammar import Grammar
from models.grammar.matchers import BYTES, compiled, fault_of


def choice_grammar(choices: Sequence[str]) -> Grammar:
    """One of the texts. ContractError for none, or for an empty one."""
    if not choices or not all(choices):
        raise ContractError("There is nothing to choose from, or an empty text.", "Give one text or more.")
    constant = choices[0] if len(set(choices)) == 1 else None
    longest = max(len(choice.encode()) for choice in choices)
    # A terminal: of alternatives of a rule llguidance follows some thousand at once, and no more.
    texts = " | ".join(json.dumps(choice, ensure_ascii=False) for choice in dict.fromkeys(choices))
    lark = f"start: CHOICE\nCHOICE: {texts}"
    return Grammar(_checked(lark), longest + 1, constant)


def regex_grammar(pattern: str) -> Grammar:
    """A text that a regular expression matches as a whole. ContractError for one that cannot be compiled.

    Its budget is 0, for nobody says how long a text is: see `Engine.generate`.
    """
    slashed = re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", pattern, flags=re.DOTALL).replace("\n", r"\n")
    if not slashed:
        raise ContractError("An empty expression admits no text.", "Give one that matches something.")
    return Grammar(_checked(f"start: TEXT\nTEXT: /{slashed}/"), 0, may_be_cut=True)


def lark_grammar(lark: str) -> Grammar:
    """A text of a grammar in Lark. ContractError for one that cannot be compiled; budget as for an expression."""
    return Grammar(_checked(lark), 0, may_be_cut=True)


def _checked(lark: str) -> str:
    try:
        matcher = compiled(BYTES, lark)
        matcher.compute_bitmask()
        if matcher.is_error():
            raise EngineError(fault_of(matcher))
    except (EngineError, ValueError) as error:
        reason = " ".join(str(error).removeprefix("llguidance cannot compile the grammar: ").split())
        raise ContractError(f"This cannot be compiled: {reason[:200]}", "Mend it.") from error
    return lark
