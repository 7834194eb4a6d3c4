"""Options: a JSON Schema as the plain alternatives that it leaves. Knows references and unions; knows no tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
_ANYTHING = ("string", "integer", "number", "boolean", "null")


def options(schema: Schema, defs: Schema, seen: frozenset[str]) -> Iterator[Schema]:
    """The alternatives of a schema, without references; what stands beside a reference is for people."""
    reference = schema.get("$ref")
    if reference is not None:
        name = str(reference).rsplit("/", 1)[-1]
        if name not in seen:
            yield from options(defs.get(name, {}), defs, seen | {name})
        return
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            for option in schema[word]:
                yield from options(option, defs, seen)
            return
    kinds = schema.get("type")
    if isinstance(kinds, list):
        for kind in kinds:
            yield {**schema, "type": kind}
    else:
        yield schema


def is_plain(option: Schema) -> bool:
    return option.get("type") not in ("object", "array")


def types(option: Schema) -> tuple[str, ...]:
    if "enum" in option or "const" in option:
        return ()
    return (option["type"],) if "type" in option else _ANYTHING


def choices(option: Schema) -> tuple[object, ...]:
    return (option["const"],) if "const" in option else tuple(option.get("enum", ()))


def xml_name(key: str) -> str:
    name = re.sub(r"[^\w.\-]", "_", key)
    return name if re.match(r"[^\W\d]", name) else f"_{name}"
