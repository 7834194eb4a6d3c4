"""Optional: parts in a fixed order, each there or not, with commas between. Knows how many; not what the parts are."""

from __future__ import annotations

from functools import cache
from math import inf

from models.grammar.fragments.builder import GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment


def some_of(
    parts: list[tuple[Fragment, bool]],
    least: int,
    most: int | None,
    marks: str,
    builder: GrammarBuilder,
    others: Fragment | None = None,
    room: int | None = 0,
) -> Fragment:
    """The parts in order, `least` to `most` in all, those marked True always; `others` may come last, `room` times, or
    as often as they like where `room` is None.

    Where the number matters it is counted as they are written: at most len(parts) ** 2 rules, else two for each.
    NoText where no number of parts will do.
    """
    needed = sum(1 for _, must in parts if must)
    end = None if most is None else most - len(parts)
    counted = least > needed or (end is not None and (end < 0 or (others is not None and (room is None or end < room))))
    top = len(parts) if counted else 1
    mark = builder.comma
    # For each index how many of the parts before it may have been written, and how many ways lead to each of these.
    ways: list[dict[int, int]] = [{0: 1}]
    for _, must in parts:
        after: dict[int, int] = {}
        for count in ways[-1]:
            for reached in (min(count + 1, top),) if must else (min(count + 1, top), count):
                after[reached] = after.get(reached, 0) + 1
        ways.append(after)

    @cache
    def rest(index: int, count: int) -> Fragment | None:
        """What follows the first `index` parts of which `count` were written, or 1 for any number if none counts."""
        if index == len(parts):
            left = room if not counted or most is None else most - count if room is None else min(room, most - count)
            return _end(others, count > 0, max(least - count, 0) if counted else 0, left, marks, builder)
        part, must = parts[index]
        if len(ways[index]) > 1:
            part = builder.rule("pair", part)
        options = []
        if not counted or most is None or count < most:
            follow = rest(index + 1, min(count + 1, top))
            if follow is not None:
                options.append(sequence([*([mark] if count else []), part, follow]))
        follow = None if must else rest(index + 1, count)
        if follow is not None:
            options.append(follow)
        if not options:
            return None
        if builder.open and len(options) == 1 and ways[index][count] < 2:
            return options[0]
        rule = " | ".join(dict.fromkeys(option.rule for option in options))
        only = options[0].constant if len(options) == 1 else None
        return builder.rule("rest", Fragment(rule, max(option.longest for option in options), constant=only))

    for index in reversed(range(len(parts))):  # from the end, so that no call goes deep
        # A contract's hash is that of its grammar with ends, in which rules stand that nothing leads to.
        for count in sorted(ways[index]) if builder.open else range(min(index, top) + 1):
            rest(index, count)
    body = rest(0, 0)
    if body is None:
        raise NoText("No number of parts is allowed.", "Change the least or the most.")
    whole = sequence([text_fragment(marks[0]), body])
    return Fragment(f"({whole.rule})", whole.longest, f"{least}–{'' if most is None else most} parts", whole.constant)


def _end(
    others: Fragment | None, before: bool, least: int, most: int | None, marks: str, builder: GrammarBuilder
) -> Fragment | None:
    """`least` to `most` others, and the end. A name may come twice, so that two need not be two."""
    if least > (1 if most is None else min(most, 1)) or (least and others is None):
        return None
    close = text_fragment(marks[1])
    if others is None or most == 0:
        return close
    if before:
        return sequence([builder.further(others, least, inf if most is None else most), close])
    more = sequence([others, builder.further(others, 0, inf if most is None else most - 1)])
    return sequence([more if least else Fragment(f"({more.rule})?", more.longest), close])
