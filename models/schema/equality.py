"""Equality: when JSON takes two values for one, and which types a value has. Knows no schema."""

from __future__ import annotations

from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether JSON takes both for one value: 1 and 1.0 are one, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def scalar(value: Any) -> tuple[str, Any] | None:
    """Something that is equal of two scalars that are the same, as `same` says it; None of an array or an object."""
    if isinstance(value, list | dict):
        return None
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__, value


def is_type(value: Any, kind: str) -> bool:
    """Whether `value` is of a type by its name in JSON Schema."""
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and value == int(value))
    return kind == {type(None): "null", str: "string", list: "array", dict: "object"}[type(value)]
