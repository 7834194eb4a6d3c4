"""Negation: what holds where a schema does not, as schemas that may all be true at once.

Knows which keywords have an opposite that JSON Schema can say. Refuses the rest.
"""

from __future__ import annotations

from typing import Any

from models.schema.document import Document, Located, Schema
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import TOLD


class Denial(dict[str, Any]):
    """{"not": schema} that stands in no document: its path is the schema's."""

    def __init__(self, schema: Schema) -> None:
        super().__init__({"not": schema})


_TURNED: dict[str, tuple[str, str]] = {
    "minimum": ("number", "exclusiveMaximum"),
    "maximum": ("number", "exclusiveMinimum"),
    "exclusiveMinimum": ("number", "maximum"),
    "exclusiveMaximum": ("number", "minimum"),
}
_SHORTENED: dict[str, tuple[str, str, int]] = {
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
_HARDER = TOLD | {"$defs", "minContains", "maxContains", "then", "else"}


def opposite(located: Located, document: Document) -> list[list[Located]]:
    """Alternatives, each a list of schemas that hold together; exactly the values that `located` does not admit fit
    at least one. SchemaRefused for a keyword whose opposite cannot be said."""
    schema = located.schema
    if isinstance(schema, bool):
        return [] if schema else [[]]
    found: list[list[Located]] = []
    for keyword, value in schema.items():
        if keyword not in _HARDER:
            found += _opposite(keyword, value, schema, located, document)
    return found


def _opposite(
    keyword: str, value: Any, schema: dict[str, Any], located: Located, document: Document
) -> list[list[Located]]:
    at = step(located.path, keyword)
    for made in (_of_values(keyword, value), _of_objects(keyword, value), _of_arrays(keyword, value, schema)):
        if made is not None:
            # what a property or an item denies stands in it, at its own path
            path = located.path if keyword in ("properties", "prefixItems") else at
            return [[Located(one, path)] for one in made]
    found = _of_parts(keyword, value, schema, located, document)
    if found is not None:
        return found
    raise SchemaRefused(
        at, "would have to be denied, and no grammar can write everything that it does not admit.",
        "Say what is allowed instead of what is not, with enum, const, type, required or a range.",
    )  # fmt: skip


def _of_values(keyword: str, value: Any) -> list[dict[str, Any]] | None:
    """Where `keyword` speaks of the value itself: schemas, one of which holds where it does not. None elsewhere."""
    if keyword == "type":
        return [{"not": {"type": [value] if isinstance(value, str) else value}}]
    if keyword in ("enum", "const"):
        return [{"not": {"enum": value if keyword == "enum" else [value]}}]
    if keyword in _TURNED:
        kind, turned = _TURNED[keyword]
        return [{"type": kind, turned: value}]
    if keyword in _SHORTENED:
        kind, turned, by = _SHORTENED[keyword]
        return [{"type": kind, turned: int(value) + by}] if int(value) + by >= 0 else []
    # These forbid nothing.
    if keyword in ("additionalProperties", "unevaluatedProperties", "unevaluatedItems") and value is True:
        return []
    if keyword == "uniqueItems" and value is False:
        return []
    return None


def _of_objects(keyword: str, value: Any) -> list[dict[str, Any]] | None:
    """As `_of_values`, where it speaks of properties."""
    if keyword == "required":
        return [{"type": "object", "properties": {name: False}} for name in value]
    if keyword == "properties":
        return [
            {"type": "object", "required": [name], "properties": {name: Denial(part)}}
            for name, part in value.items()
            if part is not True
        ]
    if keyword == "dependentRequired":
        return [
            {"type": "object", "required": [name], "properties": {other: False}}
            for name, others in value.items()
            for other in others
        ]
    return None


def _of_arrays(keyword: str, value: Any, schema: dict[str, Any]) -> list[dict[str, Any]] | None:
    """As `_of_values`, where it speaks of items."""
    if keyword == "items" and "prefixItems" not in schema:
        return [{"type": "array", "contains": Denial(value)}]
    if keyword == "items" and value is True:
        return []
    if keyword == "prefixItems":
        return [
            {"type": "array", "minItems": n + 1, "prefixItems": [*[True] * n, Denial(part)]}
            for n, part in enumerate(value)
        ]
    if keyword == "contains" and not {"minContains", "maxContains"} & schema.keys():
        return [{"type": "array", "items": Denial(value)}]
    return None


def _of_parts(
    keyword: str, value: Any, schema: dict[str, Any], located: Located, document: Document
) -> list[list[Located]] | None:
    """Where `keyword` holds schemas for the same value: what `opposite` returns. None elsewhere."""
    at = step(located.path, keyword)

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
            [Located(value, at), Located(Denial(held), step(located.path, "then"))],
            [denied(value), Located(Denial(other), step(located.path, "else"))],
        ]
    if keyword == "dependentSchemas":
        return [
            [Located({"type": "object", "required": [name]}, at), denied(part, name)] for name, part in value.items()
        ]
    return None
