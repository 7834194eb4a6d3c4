"""Free: values of any kind that JSON has. Knows no type."""

from __future__ import annotations

from math import inf
from typing import Any

from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment
from models.grammar.fragments.text import string

NESTED, ITEMS, CHARACTERS = 2, 4, 64
"""Of a value of any kind: how deep, how many in a list or an object, and the characters of a text."""

_NUMBER = "-?(?:0|[1-9][0-9]{0,14})(?:[.][0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?"
_AGAIN = "r_any"


def anything(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """null, a truth value, a number, a text, a list or an object; nested without end where the grammar is open."""
    builder.end(where, NESTED, "deep")
    number = Fragment(builder.terminal("NUMBER", f"/{_NUMBER}/"), 1 + 15 + 16 + 4, "any number")
    size = {} if builder.open else {"max_length": CHARACTERS}
    text = string(dict(size), where, builder)
    plain = [text_fragment("null"), text_fragment("true"), text_fragment("false"), number, text]
    if builder.open:
        builder.rules[_AGAIN] = either([*plain, *_nests(Fragment(_AGAIN, inf), text, inf, builder)]).rule
        return Fragment(_AGAIN, inf, "anything")
    found = either(plain)
    for _ in range(NESTED):
        found = builder.rule("any", either([*plain, *_nests(found, text, ITEMS, builder)]))
    return Fragment(found.rule, found.longest, "anything")


def _nests(inner: Fragment, key: Fragment, most: float, builder: GrammarBuilder) -> list[Fragment]:
    """Lists of `inner`, and objects with it as values."""
    pair = sequence([key, builder.colon, inner])
    return [builder.items("item", inner, 0, most), builder.items("pair", pair, 0, most, "{}")]
