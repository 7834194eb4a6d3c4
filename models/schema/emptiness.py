"""Emptiness: the proof that no value at all fits. It may fail to find one, and never finds a wrong one.

Knows types, ranges, lengths and what required parts need. Does not know patterns or formats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.schema.clause import Clause, split
from models.schema.document import Document, Located, Schema
from models.schema.equality import Canonical, canonical, is_type
from models.schema.parts import item_parts, prefix_length, property_parts
from models.schema.span import span_of
from models.schema.vocabulary import TOLD, types_of

Empty = Callable[[tuple[Located, ...], int], bool]
"""Whether it is proven that no value fits schemas that hold together, with so much fuel for the proof."""

_ITEMS = 64  # positions of an array that a proof looks at


_HARMLESS = TOLD | frozenset("type properties patternProperties additionalProperties items format pattern".split())


def never_empty(schema: Schema) -> bool:
    """Whether a look at the keywords tells that no proof of emptiness will be found: none of them asks for anything
    that another could forbid."""
    return schema is True or (isinstance(schema, dict) and schema.keys() <= _HARMLESS)


def nothing_fits(clause: Clause, document: Document, empty: Empty, fuel: int) -> bool:
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
        return empty(parts, fuel - 1)

    return all(of(kind) for kind in sorted(clause.types))


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


_LOOKS = 2  # levels of required properties that are compared


def disjoint(one: Located, other: Located, document: Document, looks: int = _LOOKS) -> bool:
    """Whether a look at types, constants and required properties tells that no value fits both."""
    first, second = document.direct(one).schema, document.direct(other).schema
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first is False or second is False
    values, others = _listed(first), _listed(second)
    if values is not None and others is not None:
        return values.isdisjoint(others)
    for listed, schema in ((values, second), (others, first)):
        if listed is not None and "type" in schema:
            return not any(is_type(value, kind) for value in listed for kind in _types(schema))
    if "type" in first and "type" in second and split(first["type"]).isdisjoint(split(second["type"])):
        return True
    if not looks or not _types(first) == _types(second) == ["object"]:
        return False
    some, more = first.get("properties", {}), second.get("properties", {})
    asked = some.keys() & more.keys() & {*first.get("required", ()), *second.get("required", ())}
    return any(disjoint(Located(some[name], ""), Located(more[name], ""), document, looks - 1) for name in asked)


def all_apart(options: list[Located], document: Document) -> bool:
    """Whether a look tells of all at once that they are `disjoint`: each lists scalars that no other lists, for itself
    or for a property that all of them require. Two by two takes long where they are many."""
    schemas = [document.direct(option).schema for option in options]
    if _distinct(schemas):
        return True
    objects = [schema for schema in schemas if isinstance(schema, dict) and _types(schema) == ["object"]]
    if len(objects) < len(schemas):
        return False
    return any(
        all(name in schema.get("required", ()) and name in schema.get("properties", {}) for schema in objects)
        and _distinct([document.direct(Located(schema["properties"][name], "")).schema for schema in objects])
        for name in objects[0].get("required", ())
    )


def _distinct(schemas: list[Schema]) -> bool:
    listed = [_listed(schema) for schema in schemas]
    values = [value for some in listed for value in some or ()]
    return None not in listed and len(set(values)) == len(values)


def _listed(schema: Schema) -> set[Canonical] | None:
    if not isinstance(schema, dict) or not schema.keys() & {"const", "enum"}:
        return None
    return set(map(canonical, [schema["const"]] if "const" in schema else schema["enum"]))


def _types(schema: dict[str, Any]) -> list[str]:
    return types_of(schema.get("type", []))
