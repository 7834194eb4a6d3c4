"""Listing: the values that an enum or a const lists, and which of them fit the schemas that hold beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import compress
from math import inf
from typing import Any

from models.schema.document import Document, Schema
from models.schema.equality import Canonical, canonical, is_type
from models.schema.negation import Denial
from models.schema.oracle import oracle
from models.schema.vocabulary import KINDS, TOLD, types_of

_CONST = TOLD | {"const"}
_ASKED = frozenset((*KINDS["string"], *KINDS["number"]))
"""Keywords about scalars that the package is asked for: none leads to another schema."""
_NESTED = frozenset((*KINDS["array"], *KINDS["object"], "dependentRequired", "dependentSchemas"))
"""Keywords about arrays and objects."""

Judge = Callable[[Any], bool]


class Listing:
    """What one document lists: each schema looks at each value once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._keep: list[Any] = []  # whose ids are keys below
        self._fits: dict[tuple[int, int], list[bool]] = {}
        self._alone: dict[int, list[Any]] = {}
        self._counted: dict[int, Counter[Canonical] | None] = {}
        self._judges: dict[int, Judge] = {}

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
            self._fits[key] = list(map(self._judge(schema), listed))
        return self._fits[key]

    def _judge(self, schema: Schema) -> Judge:
        """Whether a value fits `schema`. Of a scalar a look tells; the package finds out why one does not fit, at every
        alternative that a schema leads to, and is asked about what is inside arrays and objects only."""
        if isinstance(schema, bool):
            return lambda _: schema
        if id(schema) not in self._judges:
            self._keep.append(schema)
            self._judges[id(schema)] = self._made(schema)
        return self._judges[id(schema)]

    def _made(self, schema: dict[str, Any]) -> Judge:
        tests: list[Judge] = []
        nested = not schema.keys().isdisjoint(_NESTED)
        if "type" in schema:
            tests.append(partial(_is_any, types_of(schema["type"])))
        for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
            if values is not None:
                tests.append(partial(_among, frozenset(map(canonical, values))))
        if asked := {keyword: value for keyword, value in schema.items() if keyword in _ASKED}:
            tests.append(oracle(self._document, asked).is_valid)
        parts = [self._document.targets[schema["$ref"]].schema] if "$ref" in schema else []
        tests += [partial(self._fit, part) for part in (*parts, *schema.get("allOf", ()))]
        tests += [partial(self._chosen, schema[name], name) for name in ("anyOf", "oneOf") if name in schema]
        if "not" in schema:
            tests.append(lambda value: not self._fit(schema["not"], value))
        if "if" in schema:
            tests.append(
                lambda value: self._fit(schema.get("then" if self._fit(schema["if"], value) else "else", True), value)
            )

        def fits(value: Any) -> bool:
            if nested and isinstance(value, dict | list):
                return bool(oracle(self._document, schema).is_valid(value))
            return all(test(value) for test in tests)

        return fits

    def _fit(self, schema: Schema, value: Any) -> bool:
        return self._judge(schema)(value)

    def _chosen(self, alternatives: list[Schema], name: str, value: Any) -> bool:
        """Whether `value` fits one of `alternatives`, and of a oneOf no other."""
        counted, most = self._consts(alternatives), inf if name == "anyOf" else 1
        if counted is not None:
            return 0 < counted[canonical(value)] <= most
        fitting = (part for part in alternatives if self._fit(part, value))
        return next(fitting, None) is not None and (most == inf or next(fitting, None) is None)

    def _consts(self, alternatives: list[Any]) -> Counter[Canonical] | None:
        """Which values alternatives list that are a const each, and how often; None where one is anything else."""
        key = id(alternatives)
        if key not in self._counted:
            self._keep.append(alternatives)
            consts = all(isinstance(part, dict) and "const" in part and part.keys() <= _CONST for part in alternatives)
            self._counted[key] = Counter(canonical(part["const"]) for part in alternatives) if consts else None
        return self._counted[key]


def _is_any(kinds: list[str], value: Any) -> bool:
    return any(is_type(canonical(value), kind) for kind in kinds)


def _among(values: frozenset[Canonical], value: Any) -> bool:
    return canonical(value) in values
