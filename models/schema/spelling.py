"""Spelling: keywords of drafts 3 to 2019-09 and of OpenAPI 3.0 as draft 2020-12 writes them."""

from __future__ import annotations

from typing import Any

from models.schema.vocabulary import types_of

OLD = frozenset(
    "minimum maximum exclusiveMinimum exclusiveMaximum items additionalItems dependencies properties required type "
    "disallow extends divisibleBy allOf".split()
)
"""Keywords that may have to be written otherwise."""


def spelled(keyword: str, value: Any, schema: dict[str, Any]) -> list[tuple[str, Any]]:
    """The keyword, one of `OLD`, and its value as draft 2020-12 writes it."""
    if keyword in ("minimum", "maximum"):
        edge = "exclusive" + keyword.capitalize()
        return [(edge if schema.get(edge) is True else keyword, value)]
    if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
        return []
    if keyword == "items" and isinstance(value, list):
        return [("prefixItems", value)] if value else []
    if keyword == "additionalItems":
        return [("items", value)] if isinstance(schema.get("items"), list) else []
    if keyword == "dependencies" and isinstance(value, dict):
        lists = {name: [part] if isinstance(part, str) else part for name, part in value.items()}
        schemas = {name: part for name, part in lists.items() if not isinstance(part, list)}
        lists = {name: part for name, part in lists.items() if isinstance(part, list)}
        return [
            *([("dependentRequired", lists)] if lists else []),
            *([("dependentSchemas", schemas)] if schemas else []),
        ]
    if keyword == "properties" and isinstance(value, dict):  # draft 3 has `required: true` in the property itself
        names = [name for name, part in value.items() if isinstance(part, dict) and part.get("required") is True]
        return [(keyword, value), *([("required", names)] if names else [])]
    if keyword == "required" and isinstance(value, bool):
        return []
    if keyword == "type" and (value == "any" or (isinstance(value, list) and "any" in value)):
        return []
    if keyword == "type" and isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return [("anyOf", [part if isinstance(part, dict) else {"type": part} for part in value])]
    if keyword == "disallow":
        return [("not", {"type": value})]
    if keyword == "extends":
        return [("allOf", value if isinstance(value, list) else [value])]
    if keyword == "divisibleBy":
        return [("multipleOf", value)]
    if keyword == "allOf" and value == []:
        return []
    return [(keyword, value)]


def with_null(found: dict[str, Any], schema: dict[str, Any], draft: int | None) -> dict[str, Any]:
    """`nullable` of OpenAPI 3.0, which has no `$schema`, admits null beside the type."""
    if draft is None and schema.get("nullable") is True and "type" in found:
        types = types_of(found["type"])
        found["type"] = [*types, *(["null"] if "null" not in types else [])]
    return found
