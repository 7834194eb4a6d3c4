"""Fragment: the part of a grammar that one value becomes, with its longest text. Knows Lark literals; knows no types.

llguidance's lexer takes the longest lexeme and never steps back: a literal such as `{"a":"x"` would keep it from the
alternative whose `"a"` is any text. So no literals are joined, and equal texts are cut at equal places: at every
bracket, key, colon, value and comma.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fragment:
    """`rule`: an expression of a Lark rule that binds as one; `longest`: bytes of its longest text, infinite where
    there is none; `bound`: what it admits, for people; `constant`: its only text, if there is exactly one."""

    rule: str
    longest: float
    bound: str = ""
    constant: str | None = None


def text_fragment(text: str) -> Fragment:
    """The one text `text`."""
    return Fragment(literal(text), len(text.encode()), text, text)


def literal(text: str) -> str:
    """`text` as a Lark string: a JSON string, but llguidance's lexer trips over a bare DEL character."""
    return quoted(text).replace("\x7f", "\\u007f")


quoted = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one a call


def sequence(parts: Iterable[Fragment]) -> Fragment:
    """One after the other. Its rule does not bind as one."""
    rules: list[str] = []
    longest: float = 0
    whole: str | None = ""
    for part in parts:
        rules.append(part.rule)
        longest += part.longest
        whole = None if whole is None or part.constant is None else whole + part.constant
    return Fragment(" ".join(rules), longest, whole or "", whole)


def either(options: Iterable[Fragment]) -> Fragment:
    """Any one of at least one option."""
    found = {option.rule: option for option in options}
    if len(found) == 1:
        return next(iter(found.values()))
    bound = " | ".join(dict.fromkeys(option.bound for option in found.values()))
    return Fragment(f"({' | '.join(found)})", max(option.longest for option in found.values()), bound)
