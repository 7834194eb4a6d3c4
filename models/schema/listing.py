"""Listing: the values that an enum or a const lists, and which of them fit the schemas that hold beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import compress
from math import inf
from typing import Any

from models.schema.document import Document, Schema
from models.schema.equality import Canonical, canonical, is_type
from models.schema.negation import Denial
from models.schema.oracle import oracle
from models.schema.vocabulary import TOLD, types_of

_CONST = TOLD | {"const"}
_LOOKED_AT = TOLD | {"const", "enum", "type", "$defs", "anyOf", "oneOf"}
"""Keywords, of which the choices are between constants, that a look at a value is enough for."""


class Listing:
    """What one document lists: each schema looks at each value once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._keep: list[Any] = []  # whose ids are keys below
        self._fits: dict[tuple[int, int], list[bool]] = {}
        self._alone: dict[int, list[Any]] = {}
        self._counted: dict[int, Counter[Canonical] | None] = {}

    def fitting(self, keywords: dict[str, Any], schemas: list[Schema]) -> tuple[Any, ...] | None:
        """The values that `keywords` list, that fit all of `schemas`, one or more; None where they list none."""
        listed = keywords.get("enum")
        if listed is None:
            if "const" not in keywords:
                return None
            listed = self._alone.setdefault(id(keywords["const"]), [keywords["const"]])
        judged = zip(*(self._judged(schema, listed) for schema in schemas), strict=True)
        return tuple(compress(listed, map(all, judged)))

    def _judged(self, schema: Schema, listed: list[Any]) -> list[bool]:
        """Of each of the values listed somewhere, whether it fits `schema`."""
        if isinstance(schema, bool):
            return [schema] * len(listed)
        if isinstance(schema, Denial):
            return [not fits for fits in self._judged(schema["not"], listed)]
        key = id(schema), id(listed)
        if key not in self._fits:
            self._keep.append((schema, listed))
            judge = self._look(schema, listed) or oracle(self._document, schema).is_valid
            self._fits[key] = [judge(value) for value in listed]
        return self._fits[key]

    def _look(self, schema: dict[str, Any], listed: list[Any]) -> Callable[[Any], bool] | None:
        """Whether one of the values listed somewhere fits `schema`, where a look tells; None where it takes more."""
        choices = [(name, self._consts(schema[name])) for name in ("anyOf", "oneOf") if name in schema]
        counted = [(name, counts) for name, counts in choices if counts is not None]
        if not schema.keys() <= _LOOKED_AT or len(counted) < len(choices):
            return None
        types = types_of(schema["type"]) if "type" in schema else None
        among = [schema["enum"]] if schema.get("enum", listed) is not listed else []
        among += [[schema["const"]]] if "const" in schema else []
        sets = [set(map(canonical, values)) for values in among]

        def fits(value: Any) -> bool:
            found = canonical(value)
            return (
                (types is None or any(is_type(found, kind) for kind in types))
                and all(found in values for values in sets)
                and all(0 < counts[found] < (2 if name == "oneOf" else inf) for name, counts in counted)
            )

        return fits

    def _consts(self, alternatives: list[Any]) -> Counter[Canonical] | None:
        """Which values alternatives list that are a const each, and how often; None where one is anything else."""
        key = id(alternatives)
        if key not in self._counted:
            self._keep.append(alternatives)
            consts = all(isinstance(part, dict) and "const" in part and part.keys() <= _CONST for part in alternatives)
            self._counted[key] = Counter(canonical(part["const"]) for part in alternatives) if consts else None
        return self._counted[key]
