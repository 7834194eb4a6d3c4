"""OwnType: a class that tells Pydantic itself what it is read from: a text, a number, … and what its code makes of it.

Knows pydantic's core schemas; knows no grammar.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import PydanticUserError, TypeAdapter

_KINDS: dict[str, Any] = {
    **{"str": str, "int": int, "float": float, "bool": bool, "decimal": Decimal, "bytes": bytes},
    **{"date": date, "time": time, "datetime": datetime, "timedelta": timedelta, "uuid": UUID},
}
_LIMITS = ("min_length", "max_length", "pattern", "ge", "gt", "le", "lt", "multiple_of", "max_digits", "decimal_places")
_INSIDE = {
    **dict.fromkeys(("function-after", "function-before", "function-wrap", "definitions", "default"), "schema"),
    **{"json-or-python": "json_schema", "lax-or-strict": "lax_schema"},
}


@lru_cache(512)
def read_as(kind: type[Any]) -> tuple[Any, dict[str, Any]] | None:
    """The type that Pydantic reads before the class's own code does, and its limits by name; None where that is no
    plain value, or the class has no such code."""
    if not hasattr(kind, "__get_pydantic_core_schema__"):
        return None
    try:
        return _plain(TypeAdapter(kind).core_schema)
    except (PydanticUserError, NameError, TypeError):
        return None


def _plain(schema: Any) -> tuple[Any, dict[str, Any]] | None:
    kind = schema["type"]
    if kind in _KINDS:
        return _KINDS[kind], {name: schema[name] for name in _LIMITS if schema.get(name) is not None}
    if kind in _INSIDE:
        return _plain(schema[_INSIDE[kind]])
    parts = schema["steps"][:1] if kind == "chain" else schema["choices"] if kind == "union" else []
    found = (_plain(part[0] if isinstance(part, tuple) else part) for part in parts)
    return next((plain for plain in found if plain is not None), None)
