"""Tests of one fact about a passage, as SQL: constant pieces, with every key and value a parameter (see table.py).

Knows nothing of how conditions are written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Value = str | float
"""Text, or a number. Booleans are numbers, as in the table of facts."""
Sql = tuple[str, tuple[Value, ...]]
"""An expression over one row of `passages`, and its parameters."""

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


def tested(key: str, test: str, value: Value) -> Sql:
    """That a passage's document has a value of `key` which passes a comparison, "contains" or "startswith"."""
    if test == "!=":
        sql, values = tested(key, "=", value)
        return f"NOT ({sql})", values
    if key.lower() == "heading":
        return _compared("heading", test, value)
    column = "text" if isinstance(value, str) else "number"
    sql, values = _compared(column, test, value)
    return f"document IN (SELECT document FROM facts WHERE key = ? AND {sql})", (key, *values)


def one_of(key: str, values: Sequence[Value]) -> Sql:
    """That it has one of these values."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if not isinstance(value, str)]
    text, number = (", ".join("?" * len(some)) for some in (texts, numbers))
    if key.lower() == "heading":
        return f"heading IN ({text})", tuple(texts)
    among = f"(text IN ({text}) OR number IN ({number}))"
    return f"document IN (SELECT document FROM facts WHERE key = ? AND {among})", (key, *texts, *numbers)


def _compared(column: str, test: str, value: Value) -> Sql:
    if test in COMPARISONS:
        return f"{column} {test} ?", (value,)
    pattern = re.sub(r"([\\%_])", r"\\\1", str(value)) + "%"
    return f"{column} LIKE ? ESCAPE '\\'", ("%" + pattern if test == "contains" else pattern,)
