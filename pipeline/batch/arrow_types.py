"""Arrow types: those of a JSON Schema's values and of values that are there, and a value as such a column has it.

Text where it is open what a value is; such a column holds JSON. Knows neither files nor rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

EXACT = 2**53
"""Whole numbers up to here are the same as floats."""
WIDEST = 2**63
"""The least whole number that a column of them does not hold."""

_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def arrow_type(schema: Any, root: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """The type of a schema's values. `root`: what its references are of; `inside`: those that lead to it."""
    import pyarrow as pa

    if not isinstance(schema, Mapping):
        return pa.string()
    reference = str(schema.get("$ref", ""))
    if reference.startswith("#/$defs/"):
        if reference in inside:  # there is no end of it
            return pa.string()
        named = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        return arrow_type(named, root, (*inside, reference))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            kinds = [one for one in schema[several] if not (isinstance(one, Mapping) and one.get("type") == "null")]
            found = {arrow_type(one, root, inside) for one in kinds}
            return found.pop() if len(found) == 1 else pa.string()
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if len(kind := [one for one in kind if one != "null"]) == 1 else None
    if kind == "object" and schema.get("properties") and all(schema.get(name, False) is False for name in _OPEN):
        fields = schema["properties"].items()
        return pa.struct([pa.field(name, arrow_type(one, root, inside)) for name, one in fields])
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return pa.list_(arrow_type(schema["items"], root, inside))
    told = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    if kind == "integer":
        return type_of(map(kind_of, [*told, *(int(schema[name]) for name in _BOUNDS if name in schema), 0]))
    if kind is None and told:
        return type_of(map(kind_of, told))
    return {"number": pa.float64(), "boolean": pa.bool_()}.get(str(kind), pa.string())


def type_of(kinds: Iterable[str]) -> Any:
    """The type of a column whose values are of these kinds (`kind_of`), text where they differ; null goes with any."""
    import pyarrow as pa

    kinds = {*kinds} - {"null"}
    if kinds and kinds <= {"integer", "wide integer"}:
        return pa.int64()
    if kinds and kinds <= {"integer", "number"}:
        return pa.float64()
    return pa.bool_() if kinds == {"boolean"} else pa.string()


def kind_of(value: object) -> str:
    """What a value is to `type_of`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if abs(value) <= EXACT else "wide integer" if -WIDEST <= value < WIDEST else "other"
    return "number" if isinstance(value, float) else "other"


def fitting(kind: Any) -> Callable[[Any], Any]:
    """What makes of a value one that a column of this type holds."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        fields = {field.name: fitting(field.type) for field in kind}
        return lambda value: (
            {name: fit(value.get(name)) for name, fit in fields.items()} if isinstance(value, dict) else None
        )
    if pa.types.is_list(kind):
        each = fitting(kind.value_type)
        return lambda value: None if value is None else [each(one) for one in value]
    if pa.types.is_floating(kind):
        return lambda value: None if value is None else float(value)
    return _as_text if pa.types.is_string(kind) else lambda value: value


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
