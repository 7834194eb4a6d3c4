"""States: how many states an automaton needs that follows a regular expression. Knows parse trees of the re module.

llguidance builds such automata while it decodes and gives up beyond its limits, in the middle of a text. So a pattern
is counted before it is used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from models.schema.characters import DIGITS, SPACE, WORD, Ranges, complement
from models.schema.syntax import characters, op, parse

MOST = 2000
"""States of one expression; counted no further."""

_NODES = 4000
_ALL: Ranges = ((0, 0x10FFFF),)
_CLASSES: dict[Any, Ranges] = {
    op.CATEGORY_DIGIT: DIGITS,
    op.CATEGORY_NOT_DIGIT: complement(DIGITS),
    op.CATEGORY_WORD: WORD,
    op.CATEGORY_NOT_WORD: complement(WORD),
    op.CATEGORY_SPACE: SPACE,
    op.CATEGORY_NOT_SPACE: complement(SPACE),
}


class _Many(Exception):
    """More states than anyone counts."""


@cache
def count_states(pattern: str, whole: bool = False) -> int:
    """States that tell where `pattern` occurs, or, if `whole`, what it matches from end to end; MOST + 1 if more."""
    parsed = list(parse(pattern))
    automaton = _Automaton()
    try:
        end = automaton.add(parsed, 0)
        if not whole:
            anchored = parsed[:1] == [(op.AT, op.AT_BEGINNING)], parsed[-1:] == [(op.AT, op.AT_END)]
            if not anchored[0]:
                automaton.edges[0].append((_ALL, 0))
            if not anchored[1]:
                automaton.edges[end].append((_ALL, end))
        return automaton.determined(end if not whole else -1)
    except (_Many, RecursionError):
        return MOST + 1


class _Automaton:
    """Nodes with edges to others: for some characters, or for none."""

    def __init__(self) -> None:
        self.edges: list[list[tuple[Ranges | None, int]]] = [[]]

    def node(self) -> int:
        if len(self.edges) > _NODES:
            raise _Many
        self.edges.append([])
        return len(self.edges) - 1

    def add(self, parsed: Any, start: int) -> int:
        """Follow all of `parsed` from `start`; the node where it ends."""
        for kind, value in parsed:
            start = self._one(kind, value, start)
        return start

    def _one(self, kind: Any, value: Any, start: int) -> int:
        if kind is op.BRANCH:
            end = self.node()
            for branch in value[1]:
                first = self.node()
                self.edges[start].append((None, first))
                self.edges[self.add(branch, first)].append((None, end))
            return end
        if kind is op.SUBPATTERN:
            return self.add(value[3], start)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, inner = value
            return self._repeat(least, most, inner, start)
        if kind is op.AT:
            return start
        end = self.node()
        some = characters(kind, value, lambda category, _: _CLASSES[category])
        self.edges[start].append((_ALL if some is None else some, end))
        return end

    def _repeat(self, least: int, most: Any, inner: Any, start: int) -> int:
        for _ in range(least):
            start = self.add(inner, start)
        end = self.node()
        self.edges[start].append((None, end))
        if most is op.MAXREPEAT:
            self.edges[self.add(inner, end)].append((None, end))
            return end
        for _ in range(int(most) - least):
            start = self.add(inner, start)
            self.edges[start].append((None, end))
        return end

    def determined(self, absorbing: int) -> int:
        """The sets of nodes that can be reached together; those with `absorbing` count as one."""
        points = sorted(
            {0, *(point for edges in self.edges for some, _ in edges for a, b in some or () for point in (a, b + 1))}
        )
        seen = {self._closed(frozenset((0,)))}
        todo = list(seen)
        while todo:
            here = todo.pop()
            outgoing = [(some, to) for node in here for some, to in self.edges[node] if some is not None]
            for point in points:
                reached = frozenset(to for some, to in outgoing if any(a <= point <= b for a, b in some))
                after = self._closed(reached)
                if absorbing in after:
                    after = frozenset((absorbing,))
                if after not in seen:
                    seen.add(after)
                    if len(seen) > MOST:
                        raise _Many
                    todo.append(after)
        return len(seen)

    def _closed(self, nodes: frozenset[int]) -> frozenset[int]:
        found, todo = set(nodes), list(nodes)
        while todo:
            for some, to in self.edges[todo.pop()]:
                if some is None and to not in found:
                    found.add(to)
                    todo.append(to)
        return frozenset(found)
