"""Emptiness: the proof that no value at all fits. It may fail to find one, and never finds a wrong one.

Knows types, ranges, lengths and what required parts need. Does not know patterns or formats.
"""

from __future__ import annotations

from collections.abc import Callable

from models.errors import ContractError
from models.schema.clause import Clause
from models.schema.document import Document, Located
from models.schema.parts import item_parts, prefix_length, property_parts
from models.schema.span import span_of

Clauses = Callable[[tuple[Located, ...], int], list[Clause]]
"""The clauses of schemas that hold together, with so much fuel left for proofs."""

_ITEMS = 64  # positions of an array that a proof looks at


def nothing_fits(clause: Clause, document: Document, clauses: Clauses, fuel: int) -> bool:
    """Whether no value fits `clause`. `fuel`: how many levels deeper the proof may look."""
    if clause.values is not None:
        return not clause.values
    excluded = clause.excluded

    def of(kind: str) -> bool:
        if kind == "null":
            return any(value is None for value in excluded)
        if kind == "boolean":
            return all(any(value is truth for value in excluded) for truth in (True, False))
        if kind == "string":
            most = clause.most("maxLength")
            return most is not None and most < clause.least("minLength")
        if kind in ("integer", "fraction"):
            span = span_of(clause)
            low, high = span.least_integer, span.greatest_integer
            return span.empty or (kind == "integer" and low is not None and high is not None and low > high)
        if kind == "array":
            return _no_array(clause, below)
        return _no_object(clause, document, below)

    def below(parts: tuple[Located, ...]) -> bool:
        return no_value(parts, document, clauses, fuel - 1)

    return all(of(kind) for kind in sorted(clause.types))


def no_value(parts: tuple[Located, ...], document: Document, clauses: Clauses, fuel: int) -> bool:
    """Whether it is proven that no value fits all of `parts`."""
    if any(part.schema is False for part in parts):
        return True
    if fuel <= 0 or not parts:
        return False
    try:
        return all(nothing_fits(clause, document, clauses, fuel) for clause in clauses(parts, fuel))
    except ContractError:
        return False


def _no_array(clause: Clause, below: Callable[[tuple[Located, ...]], bool]) -> bool:
    least, most = clause.least("minItems"), clause.most("maxItems")
    if most is not None and most < least:
        return True
    looked = min(least, prefix_length(clause) + 1, _ITEMS)
    return any(below(item_parts(clause, index)) for index in range(looked))


def _no_object(clause: Clause, document: Document, below: Callable[[tuple[Located, ...]], bool]) -> bool:
    required = {name for names, _ in clause.said("required") for name in names}
    most = clause.most("maxProperties")
    if most is not None and most < max(clause.least("minProperties"), len(required)):
        return True
    return any(below(property_parts(clause, name, document)) for name in sorted(required))
