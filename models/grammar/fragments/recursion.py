"""Recursion: what leads back into itself, so many times where a grammar has an end, as a rule of its own where it has
none. Knows neither classes nor aliases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from models.grammar.fragments.builder import GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment

DEPTH = 2
"""How often a class may stand within itself that does not say how deep it goes."""


def recursive(kind: Any, name: str, builder: GrammarBuilder, write: Callable[[GrammarBuilder], Fragment]) -> Fragment:
    """What `write` makes of a kind that may contain itself, given a builder that knows what it is inside of.

    Written once for all places that are inside of the same: classes that lead into each other in many ways would
    otherwise be written for each way.
    """
    depth: int | None = getattr(kind, "__depth__", None)
    if kind in builder.within and depth is None and builder.open:
        return Fragment(builder.recursive.setdefault(kind, f"r_again_{len(builder.recursive)}"), inf)
    if kind in builder.within and depth is None:
        builder.end(name, DEPTH, "deep")
    if builder.within.count(kind) > (DEPTH if depth is None else depth):
        raise NoText(f"{name} contains itself, and must, so that it has no end.", "Allow None there.")
    counted = Counter(other for other in builder.within if not builder.open or getattr(other, "__depth__", None))
    key = kind, id(builder.config), frozenset(counted.items())
    if key not in builder.written:
        try:
            builder.written[key] = write(replace(builder, within=(*builder.within, kind)))
        except NoText as missing:
            builder.written[key] = missing
    whole = builder.written[key]
    if isinstance(whole, NoText):
        raise whole
    if kind in builder.recursive and kind not in builder.within:
        builder.rules[builder.recursive[kind]] = whole.rule
        return Fragment(builder.recursive[kind], inf, name)
    return whole
