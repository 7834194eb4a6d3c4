"""Part: a piece of a rewritten pattern with its widths, and rows of parts. Knows no syntax of patterns."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from models.grammar.fragments.characters import Characters


@dataclass(frozen=True)
class Part:
    """`text`, an expression; characters at least and at most; the most bytes, and those of the widest character.
    `unit` is the one character that the whole part repeats, if it does."""

    text: str
    least: int
    most: float
    longest: float
    widest: int
    unit: Characters | None = None


@dataclass(frozen=True)
class Alternative:
    """Parts in a row, and whether they must stand at the `start` or the `end` of the text."""

    parts: tuple[Part, ...]
    start: bool = False
    end: bool = False


def repeated(unit: Characters, least: int, most: float) -> Part:
    """`least` to `most` characters of `unit`."""
    return Part(unit.text + times(least, most), least, most, most * unit.widest, unit.widest, unit)


def together(parts: tuple[Part, ...]) -> Part:
    """One part that is all of `parts` in a row."""
    if len(parts) == 1:
        return parts[0]
    widest = max((part.widest for part in parts), default=1)
    least, most = sum(part.least for part in parts), sum(part.most for part in parts)
    return Part("".join(part.text for part in parts), least, most, sum(part.longest for part in parts), widest)


def times(least: int, most: float) -> str:
    """The quantifier for `least` to `most`."""
    if (least, most) == (1, 1):
        return ""
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most == inf else int(most)}}}"
