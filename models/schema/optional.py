"""Optional: the properties of an object in a fixed order, each there or not. Knows how many; not what they are."""

from __future__ import annotations

from functools import cache
from math import inf

from models.grammar.fragments.builder import GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment

Part = tuple[Fragment, bool]
"""A property, and whether it must be there."""


def some_of(
    parts: list[Part], least: int, most: int | None, builder: GrammarBuilder, others: Fragment | None, room: int | None
) -> Fragment:
    """The parts in order, `least` to `most` in all; `others` may come last, `room` times, or as often as they like
    where `room` is None.

    Where the number matters it is counted as they are written: at most len(parts) ** 2 rules. NoText where no number
    of parts will do.
    """
    needed = sum(1 for _, must in parts if must)
    end = None if most is None else most - len(parts)
    counted = least > needed or (end is not None and (end < 0 or (others is not None and (room is None or end < room))))
    if builder.open and not counted:
        body: Fragment | None = _in_order(parts, builder, others, room)
    else:
        body = _numbered(parts, (least, most) if counted else None, builder, others, room)
    if body is None:
        raise NoText("No number of parts is allowed.", "Change the least or the most.")
    whole = sequence([text_fragment("{"), body])
    return Fragment(f"({whole.rule})", whole.longest, f"{least}–{'' if most is None else most} parts", whole.constant)


def _in_order(parts: list[Part], builder: GrammarBuilder, others: Fragment | None, room: int | None) -> Fragment:
    """Any number of them: behind one that must be there each has its comma before it, ahead of it behind it."""
    first = next((index for index, (_, must) in enumerate(parts) if must), len(parts))
    tail = _end(others, True, 0, room, builder)
    if first < len(parts):
        ahead = [_maybe(sequence([part, builder.comma])) for part, _ in parts[:first]]
        behind = [sequence([builder.comma, part]) for part, _ in parts[first + 1 :]]
        behind = [part if must else _maybe(part) for part, (_, must) in zip(behind, parts[first + 1 :], strict=True)]
        return sequence([*ahead, parts[first][0], *behind, tail])
    leads = [_end(others, False, 0, room, builder)]
    for part, _ in reversed(parts):  # whichever comes first, and what may come behind it
        part, tail = builder.rule("pair", part), builder.rule("rest", tail)
        leads.append(sequence([part, tail]))
        tail = sequence([_maybe(sequence([builder.comma, part])), tail])
    return either(reversed(leads))


def _maybe(part: Fragment) -> Fragment:
    return Fragment(f"({part.rule})?", part.longest)


def _numbered(
    parts: list[Part],
    lengths: tuple[int, int | None] | None,
    builder: GrammarBuilder,
    others: Fragment | None,
    room: int | None,
) -> Fragment | None:
    """A rule for each number of parts that may have been written; without `lengths` for none of them and for some.

    A contract's hash is that of its grammar with ends, in which rules stand that nothing leads to.
    """
    least, most = lengths or (0, None)
    top = len(parts) if lengths else 1

    @cache
    def rest(index: int, count: int) -> Fragment | None:
        """What follows the first `index` parts of which `count` were written."""
        if index == len(parts):
            left = room if most is None else most - count if room is None else min(room, most - count)
            missing = max(least - count, 0)
            if missing > (0 if others is None else 1 if left is None else min(left, 1)):
                return None  # a name may come twice, so that two need not be two
            return _end(others, count > 0, missing, left, builder)
        part, must = parts[index]
        options = []
        if most is None or count < most:
            follow = rest(index + 1, min(count + 1, top))
            if follow is not None:
                options.append(sequence([*([builder.comma] if count else []), builder.rule("pair", part), follow]))
        follow = None if must else rest(index + 1, count)
        if follow is not None:
            options.append(follow)
        if not options:
            return None
        rule = " | ".join(dict.fromkeys(option.rule for option in options))
        only = options[0].constant if len(options) == 1 else None
        return builder.rule("rest", Fragment(rule, max(option.longest for option in options), constant=only))

    for index in reversed(range(len(parts))):  # from the end, so that no call goes deep
        for count in range(min(index, top) + 1):
            rest(index, count)
    return rest(0, 0)


def _end(others: Fragment | None, before: bool, least: int, most: int | None, builder: GrammarBuilder) -> Fragment:
    """`least` to `most` others, and the end."""
    close = text_fragment("}")
    if others is None or most == 0:
        return close
    if before:
        return sequence([builder.further(others, least, inf if most is None else most), close])
    more = sequence([others, builder.further(others, 0, inf if most is None else most - 1)])
    return sequence([more if least else _maybe(more), close])
