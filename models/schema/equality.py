"""Equality: when JSON takes two values for one, and which types a value has. Knows no schema."""

from __future__ import annotations

from typing import Any

Canonical = tuple[str, Any]


def canonical(value: Any) -> Canonical:
    """The type of a value, and what is equal of two that JSON takes for one: 1 and 1.0 are one, 1 and true are not."""
    if isinstance(value, list):
        return "array", tuple(map(canonical, value))
    if isinstance(value, dict):
        return "object", frozenset((name, canonical(inner)) for name, inner in value.items())
    if isinstance(value, bool):
        return "boolean", value
    return "null" if value is None else "string" if isinstance(value, str) else "number", value


def is_type(value: Canonical, kind: str) -> bool:
    """Whether a value is of a type by its name in JSON Schema."""
    name, plain = value
    return kind == name or (kind == "integer" and name == "number" and plain == int(plain))
