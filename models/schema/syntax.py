"""Syntax: a regular expression as the re module parses it, which is public nowhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from models.interfaces import PYTHON
from models.schema.characters import LINE, Ranges, complement, union


class _Missing:
    """Stands for constants that are not there: `parse` says so once a contract has a pattern, and nothing before."""

    def __getattr__(self, name: str) -> str:
        return name


op: Any
try:
    from re import _constants as op  # type: ignore[attr-defined, no-redef]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:
    op = _Missing()


def parse(pattern: str) -> Any:
    """The parse tree of `pattern`; its constants are those of `op`. Raises re.error, and UnfitPackage."""
    _checked()
    return parser.parse(pattern)


def characters(kind: Any, value: Any, category: Callable[[Any, bool], Ranges]) -> Ranges | None:
    """What a node of the tree matches if that is one character, else None. `category`: the members of a class such as
    \\d, told whether it stands in a negated one."""
    if kind is op.LITERAL:
        return ((value, value),)
    if kind is op.NOT_LITERAL:
        return complement(((value, value),))
    if kind is op.ANY:
        return complement(LINE)
    if kind is not op.IN:
        return None
    negated = value[0][0] is op.NEGATE
    found: list[tuple[int, int]] = []
    for member, of in value[negated:]:
        if member is op.LITERAL:
            found.append((of, of))
        elif member is op.RANGE:
            found.append(of)
        else:
            found += category(of, negated)
    return complement(union(found)) if negated else union(found)


@cache
def _checked() -> None:
    PYTHON.check()
