"""Subset: some of several options, each at most once, in their order. Knows how many; not what the options are."""

from __future__ import annotations

from functools import cache

from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment, literal, text_fragment

OPTIONS = 256
"""Options that `subset` takes at most: llguidance's parser gives up at 2000 items a row, and each option makes some."""


def subset(options: list[Fragment], least: int, most: float, marks: str, builder: GrammarBuilder) -> Fragment:
    """`least` to `most` of the options with commas, between `marks`; 0 <= least <= len(options).

    One rule says what may follow once the options before it are settled, for each number that may still come: at most
    len(options) * most rules, and only len(options) where every number is allowed. (One terminal that is the
    intersection of "in order" and "so many" is shorter, but large ones exceed the limits of llguidance's lexer.)
    """
    count = len(options)
    most = int(min(most, count))
    if most == 0:
        return text_fragment(marks)

    comma = builder.comma

    @cache
    def more(place: int, low: int, high: int) -> str:
        """What follows a written option: `low` to `high` of those from `place` on, each with a comma before it."""
        if high == 0:
            return ""
        taken, rest = f"{comma.rule} {options[place].rule}", follow(place + 1, low - 1, high - 1)
        if low == count - place:
            rule = f"{taken} {rest}"
        elif low == 0 and high == count - place:
            rule = f"({taken})? {rest}"
        else:
            rule = f"{taken} {rest} | {follow(place + 1, low, high)}"
        return builder.rule(f"more {place} {low} {high}", Fragment(rule.rstrip(), 0)).rule

    def follow(place: int, low: int, high: int) -> str:
        return more(place, max(low, 0), min(high, count - place))

    for place in reversed(range(1, count)):  # from the end, so that no call goes deep
        for taken in range(1, min(place, most) + 1):
            if least - taken <= count - place:
                follow(place, least - taken, most - taken)
    first = [
        f"{option.rule} {follow(place + 1, least - 1, most - 1)}".rstrip()
        for place, option in enumerate(options)
        if least <= count - place
    ]
    some = f"({' | '.join(first)})" + ("" if least else "?")
    sizes = sorted((option.longest for option in options), reverse=True)[:most]
    return Fragment(
        f"({literal(marks[0])} {some} {literal(marks[1])})", sum(sizes) + (len(sizes) - 1) * comma.longest + 2
    )
