"""Finite: the values of schemas that have a few. Knows lists, null, truth values and integers between near bounds."""

from __future__ import annotations

from typing import Any

from models.schema.clause import Clause
from models.schema.equality import Canonical, canonical
from models.schema.span import span_of

_MOST, _INTEGERS = 256, 64
"""Values of a clause, and integers between two bounds, that are written out."""


def finite(clauses: list[Clause]) -> list[tuple[Any, str]] | None:
    """Every value that fits a clause, once, and the clause's path; None if they are many."""
    kept: dict[Canonical, tuple[Any, str]] = {}
    for clause in clauses:
        found = _values(clause)
        if found is None or len(found) > _MOST:
            return None
        for value in found:
            kept.setdefault(canonical(value), (value, clause.path))
    return list(kept.values())


def _values(clause: Clause) -> list[Any] | None:
    if clause.values is not None:
        return list(clause.values)
    types = clause.spoken
    if types - {"null", "boolean", "integer"}:
        return None
    found: list[Any] = [None] * ("null" in types) + [False, True] * ("boolean" in types)
    if "integer" in types:
        low, high = span_of(clause).least_integer, span_of(clause).greatest_integer
        if low is None or high is None or high - low >= _INTEGERS or clause.said("multipleOf"):
            return None
        found += range(low, high + 1)
    excluded = set(map(canonical, clause.excluded))
    return [value for value in found if canonical(value) not in excluded]
