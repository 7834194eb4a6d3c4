"""Arrow types: those of a JSON Schema's values and of values that are there, and a value as such a column has it.

Text where it is open what a value is; such a column holds JSON. Knows neither files nor rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from pipeline.json_pointer import pointed

EXACT = 2**53
"""Whole numbers up to here are the same as floats."""
WIDEST = 2**63
"""The least whole number that a column of them does not hold."""

MOST_FIELDS = 100
"""Names of an object's fields; of more, they are values themselves, such as words that are counted."""
DEEPEST = 16
"""Objects and lists within each other."""

_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def arrow_type(schema: Any, root: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """The type of a schema's values. `root`: what its references are of; `inside`: those that lead to it."""
    import pyarrow as pa

    if not isinstance(schema, Mapping):
        return pa.string()
    if (reference := schema.get("$ref")) is not None:
        if reference in inside:  # there is no end of it
            return pa.string()
        return arrow_type(_referred(str(reference), root), root, (*inside, reference))
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


def _referred(reference: str, root: Mapping[str, Any]) -> Any:
    """What a reference means that points below a root; None of any other, and where there is nothing."""
    place, _, pointer = reference.partition("#")
    try:
        return None if place else pointed(root, unquote(pointer))
    except LookupError:
        return None


class Seen:
    """What the values of a column were so far, and what is in them: the type that holds them all."""

    def __init__(self) -> None:
        self._kinds = set[str]()
        self._fields: dict[str, Seen] = {}
        self._items: Seen | None = None

    def add(self, value: object) -> None:
        """One more value."""
        self._kinds.add(kind_of(value))
        if isinstance(value, dict):
            for name, one in value.items():
                if name in self._fields or len(self._fields) <= MOST_FIELDS:
                    self._fields.setdefault(name, Seen()).add(one)
        elif isinstance(value, list):
            self._items = self._items or Seen()
            for one in value:
                self._items.add(one)

    def type(self, depth: int = 0) -> Any:
        """A struct of objects and a list of lists, where all are; JSON as text where they differ, have names without
        end, or lie too deep for readers of such files.
        """
        import pyarrow as pa

        kinds = self._kinds - {"null"}
        if kinds == {"object"} and depth < DEEPEST and 0 < len(self._fields) <= MOST_FIELDS:
            return pa.struct([pa.field(name, seen.type(depth + 1)) for name, seen in self._fields.items()])
        if kinds == {"list"} and depth < DEEPEST and self._items is not None:
            return pa.list_(self._items.type(depth + 1))
        return type_of(kinds)


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
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "list"
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
