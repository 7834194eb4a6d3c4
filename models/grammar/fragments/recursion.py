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
MANY = 400
"""Ways into classes that are written before they are counted together, not each by itself."""
LEVELS = 6, 12, 24, 48
"""How deep classes go that are counted together: the first that leaves room for what must be there."""


class Sprawling(Exception):
    """Classes lead into each other in too many ways for each of them to be counted by itself."""


def recursive(
    kind: Any, name: str, builder: GrammarBuilder, write: Callable[[GrammarBuilder], Fragment], how: str = ""
) -> Fragment:
    """What `write` makes of a kind that may contain itself, given a builder that knows what it is inside of. `how`: in
    which of several ways it is written.

    Written once for all places that are inside of the same. Raises Sprawling where that is still too often: a builder
    with `levels` counts how deep all classes go.
    """
    depth: int | None = getattr(kind, "__depth__", None)
    times = sum(other is kind or other == kind for other in builder.around)
    again = (kind, how) in builder.within
    if again and depth is None and builder.open:
        return Fragment(builder.recursive.setdefault((kind, how), f"r_again_{len(builder.recursive)}"), inf)
    if times and depth is None:
        builder.end(name, builder.levels or DEPTH, "deep")
    limit = inf if builder.open and depth is None else DEPTH if depth is None else depth
    if (len(builder.within) >= builder.levels) if builder.levels and depth is None else times > limit:
        raise NoText(f"{name} contains itself, and must, so that it has no end.", "Allow None there.")
    counted = Counter(other for other in builder.around if not builder.open or getattr(other, "__depth__", None))
    key = kind, how, id(builder.config), len(builder.within) if builder.levels else frozenset(counted.items())
    if key not in builder.written:
        if len(builder.written) >= MANY and not builder.levels and not builder.open:
            raise Sprawling
        try:
            builder.written[key] = write(replace(builder, within=(*builder.within, (kind, how))))
        except NoText as missing:
            builder.written[key] = missing
    whole = builder.written[key]
    if isinstance(whole, NoText):
        raise whole
    if (kind, how) in builder.recursive and not again:
        builder.rules[builder.recursive[kind, how]] = whole.rule
        return Fragment(builder.recursive[kind, how], inf, name)
    return whole
