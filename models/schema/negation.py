"""Negation: what holds where a schema does not, as schemas that may all be true at once.

Knows which keywords have an opposite that JSON Schema can say. Refuses the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.schema.document import Document, Located, Schema
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import TOLD, types_of


class Denial(dict[str, Any]):
    """{"not": schema} that stands in no document: its path is the schema's."""

    def __init__(self, schema: Schema) -> None:
        super().__init__({"not": schema})


_HARDER = TOLD | {"$defs", "minContains", "maxContains", "then", "else"}
_INSIDE = ("properties", "prefixItems")
"""What a property or an item denies stands in it, at its own path."""

Alternatives = list[dict[str, Any]]


def opposite(located: Located, document: Document) -> list[list[Located]]:
    """Alternatives, each a list of schemas that hold together; exactly the values that `located` does not admit fit
    at least one. SchemaRefused for a keyword whose opposite cannot be said."""
    schema, path = located.schema, located.path
    if isinstance(schema, bool):
        return [] if schema else [[]]
    found: list[list[Located]] = []
    for keyword, value in schema.items():
        if keyword in _HARDER:
            continue
        at = step(path, keyword)
        made = _OPPOSITES[keyword](value, schema) if keyword in _OPPOSITES else None
        if made is not None:
            found += [[Located(one, path if keyword in _INSIDE else at)] for one in made]
            continue
        parts = _of_parts(keyword, value, schema, path, document)
        if parts is None:
            raise SchemaRefused(
                at, "would have to be denied, and no grammar can write everything that it does not admit.",
                "Say what is allowed instead of what is not, with enum, const, type, required or a range.",
            )  # fmt: skip
        found += parts
    return found


def _limit(kind: str, keyword: str, by: int | None = None) -> Callable[[Any, dict[str, Any]], Alternatives]:
    """The opposite of a bound: `keyword` of the same number, or of a count that is `by` more."""

    def beyond(value: Any, _: dict[str, Any]) -> Alternatives:
        end = value if by is None else int(value) + by
        return [{"type": kind, keyword: end}] if by is None or end >= 0 else []

    return beyond


def _of_items(value: Any, schema: dict[str, Any]) -> Alternatives | None:
    if "prefixItems" not in schema:
        return [{"type": "array", "contains": Denial(value)}]
    return [] if value is True else None


def _of_contains(value: Any, schema: dict[str, Any]) -> Alternatives | None:
    return [{"type": "array", "items": Denial(value)}] if not {"minContains", "maxContains"} & schema.keys() else None


_OPPOSITES: dict[str, Callable[[Any, dict[str, Any]], Alternatives | None]] = {
    "type": lambda value, _: [{"not": {"type": types_of(value)}}],
    "enum": lambda value, _: [{"not": {"enum": value}}],
    "const": lambda value, _: [{"not": {"enum": [value]}}],
    "minimum": _limit("number", "exclusiveMaximum"),
    "maximum": _limit("number", "exclusiveMinimum"),
    "exclusiveMinimum": _limit("number", "maximum"),
    "exclusiveMaximum": _limit("number", "minimum"),
    "minLength": _limit("string", "maxLength", -1),
    "maxLength": _limit("string", "minLength", 1),
    "minItems": _limit("array", "maxItems", -1),
    "maxItems": _limit("array", "minItems", 1),
    "minProperties": _limit("object", "maxProperties", -1),
    "maxProperties": _limit("object", "minProperties", 1),
    **dict.fromkeys(
        ("additionalProperties", "unevaluatedProperties", "unevaluatedItems"),
        lambda value, _: [] if value is True else None,
    ),
    "uniqueItems": lambda value, _: None if value else [],
    "required": lambda value, _: [{"type": "object", "properties": {name: False}} for name in value],
    "properties": lambda value, _: [
        {"type": "object", "required": [name], "properties": {name: Denial(part)}}
        for name, part in value.items()
        if part is not True
    ],
    "dependentRequired": lambda value, _: [
        {"type": "object", "required": [name], "properties": {other: False}}
        for name, others in value.items()
        for other in others
    ],
    "items": _of_items,
    "prefixItems": lambda value, _: [
        {"type": "array", "minItems": n + 1, "prefixItems": [*[True] * n, Denial(part)]} for n, part in enumerate(value)
    ],
    "contains": _of_contains,
}
"""Schemas, one of which holds where a keyword does not; None where no schema says that."""


def _of_parts(
    keyword: str, value: Any, schema: dict[str, Any], path: str, document: Document
) -> list[list[Located]] | None:
    """Where `keyword` holds schemas for the same value: what `opposite` returns. None elsewhere."""
    at = step(path, keyword)

    def denied(part: Schema, *keys: str | int) -> Located:
        return Located(Denial(part), step(at, *keys))

    if keyword == "$ref":
        return [[denied(document.targets[value].schema)]]
    if keyword == "allOf":
        return [[denied(part, number)] for number, part in enumerate(value)]
    if keyword == "anyOf":
        return [[denied(part, number) for number, part in enumerate(value)]]
    if keyword == "not":
        return [[Located(value, at)]]
    if keyword == "if":
        held, other = schema.get("then", True), schema.get("else", True)
        return [
            [Located(value, at), Located(Denial(held), step(path, "then"))],
            [denied(value), Located(Denial(other), step(path, "else"))],
        ]
    if keyword == "dependentSchemas":
        return [
            [Located({"type": "object", "required": [name]}, at), denied(part, name)] for name, part in value.items()
        ]
    return None
