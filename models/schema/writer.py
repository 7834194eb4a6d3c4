"""SchemaWriter: schemas that hold together, as the fragment of a grammar. Knows types, and schemas inside themselves.

What each type becomes is in the neighbouring files (strings, numbers, array, record).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any

from models.grammar.fragments.builder import GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, either, text_fragment
from models.schema import array, numbers, record, strings
from models.schema.bounds import Bounds
from models.schema.clause import Clause
from models.schema.document import Located, Schema
from models.schema.normal import Normal
from models.schema.refusal import Unsatisfiable
from models.schema.row import constant, json_text
from models.schema.values import Values
from models.schema.vocabulary import TOLD

Key = tuple[Any, ...]

_DIGITS = 15
"""Of an integer without bounds, where nothing else bounds it."""


class SchemaWriter(Values):
    """Writes each value once, and a schema that leads back into itself as a rule that does, or as deep as its bounds
    allow."""

    def __init__(self, normal: Normal, bounds: Bounds | None, builder: GrammarBuilder, title: str) -> None:
        super().__init__(normal, bounds, builder, title)
        self._inside: dict[Key, str] = {}  # values that are being written, and the rule of each that is used in itself
        self._memo: dict[Key, tuple[Fragment | NoText, frozenset[Key]]] = {}
        self._needed: list[set[Key]] = []  # of the alternative at hand: the values around it that it cannot do without
        self._names = 0
        self._keep: list[Any] = []

    def value(self, parts: tuple[Located, ...], needed: bool = False) -> Fragment:
        """Any value that fits all of `parts`. `needed`: what is being written has to have one. NoText if none does."""
        parts = tuple(map(self.document.direct, parts))
        if self.bounds is None and all(_asks_nothing(part.schema) for part in parts):
            return self._anything
        key = (tuple(map(_identity, parts)), self.level)
        if key in self._inside:
            if self.bounds is None:
                return self._again(key, needed)
            if self.level + 1 >= max(self.bounds.depth, 1):
                raise Unsatisfiable(
                    parts[0].path if parts else "$", "leads into itself again and again.",
                    f"Let it be optional or an array without minItems; Bounds(depth={self.bounds.depth}) is how often.",
                )  # fmt: skip
            self.level += 1
            try:
                return self.value(parts, needed)
            finally:
                self.level -= 1
        if key not in self._memo:
            self._keep.append(parts)
            made = len(self._memo)
            self._inside[key] = ""
            try:
                self._memo[key] = self._value(key, parts)
            except NoText as missing:
                for other in list(self._memo)[made:]:  # they may lead into what cannot be written
                    del self._memo[other]
                self._memo[key] = missing, frozenset()
            finally:
                self._inside.pop(key, None)
        found, needs = self._memo[key]
        if isinstance(found, NoText):
            raise found
        if needed and self._needed:
            self._needed[-1] |= needs & self._inside.keys()
        return found

    @cached_property
    def _anything(self) -> Fragment:
        """A value of any kind, of any size: what `_value` writes for no schema at all, without the way there."""
        builder, again = self.builder, "r_any"
        number = builder.terminal("NUMBER", f"/{numbers.ANY}/")
        text = builder.terminal("TEXT", f"/{strings.ANY}/")
        pair = f"{text} {builder.colon.rule} {again}"
        lists = (f'"{left}" ({part} ({builder.comma.rule} {part})*)? "{right}"'
                 for left, part, right in (("[", again, "]"), ("{", pair, "}")))  # fmt: skip
        builder.rules[again] = " | ".join(('"null" | "true" | "false"', number, text, *lists))
        return Fragment(again, inf, "anything")

    def _again(self, key: Key, needed: bool) -> Fragment:
        """The rule of a value inside itself."""
        if not self._inside[key]:
            self._names += 1
            self._inside[key] = f"again_{self._names}"
        if needed and self._needed:
            self._needed[-1].add(key)
        return Fragment(self._inside[key], inf, "the same again")

    def _value(self, key: Key, parts: tuple[Located, ...]) -> tuple[Fragment, frozenset[Key]]:
        found: list[Fragment] = []
        needs: list[frozenset[Key]] = []
        missing: NoText | None = None
        dead: list[Clause] = []
        for clause in self.normal.clauses(parts, dead=dead, depth=len(self._inside)):
            for kind in _kinds(clause):
                self._needed.append(set())
                try:
                    some = self._typed(kind, clause)
                except NoText as error:
                    missing = missing or error
                    some = []
                alternative = frozenset(self._needed.pop())
                if some and key not in alternative:
                    needs.append(alternative)
                found += some
        if not found:
            raise missing or self._reason(dead, parts[0].path if parts else "$")
        if not needs:
            raise Unsatisfiable(
                parts[0].path if parts else "$", "leads into itself without an end.", "Let it be optional somewhere."
            )
        fragment = either(found)
        if self._inside[key]:
            self.builder.rules[self._inside[key]] = fragment.rule
            fragment = replace(fragment, rule=self._inside[key], longest=inf, constant=None)
        elif len(found) > 1 or fragment.longest == inf:
            fragment = self.builder.rule("value", fragment)
        return fragment, min(needs, key=len)

    def _reason(self, dead: list[Clause], path: str) -> NoText:
        """Why no value fits: what stands in the way of writing the first clause that is proven to be empty."""
        for clause in dead[:1]:
            if not clause.types:
                return Unsatisfiable(
                    clause.where("type", "not"), "leaves no type that every keyword for this value admits.",
                    "Let all schemas that apply here share a type.",
                )  # fmt: skip
            for kind in _kinds(clause):
                try:
                    self._typed(kind, clause)
                except NoText as reason:
                    return reason
        return Unsatisfiable(
            path, "admits no value at all: its keywords contradict each other.", "Relax or remove one of them."
        )

    def _typed(self, kind: str, clause: Clause) -> list[Fragment]:
        """The fragments of one type that the clause admits, or of the values that are listed."""
        if kind == "values":
            return self._listed(clause)
        if kind == "number":
            digits = _DIGITS if self.bounds is None else self.bounds.digits
            return [numbers.write(clause, clause.spoken, digits, self.notes, self.builder)]
        if kind == "string":
            return [strings.text(clause, self.usual("text"), self.notes, self.builder)]
        if kind in ("array", "object"):
            if any(isinstance(value, list if kind == "array" else dict) for value in clause.excluded):
                self.notes.loosen(clause.where("not"), f"takes out one {kind} among many")
            return [array.array(clause, self) if kind == "array" else record.record(clause, self)]
        options: list[Any] = [None] if kind == "null" else [True, False]
        return [
            text_fragment(json.dumps(value)) for value in options if all(value is not out for out in clause.excluded)
        ]

    def _listed(self, clause: Clause) -> list[Fragment]:
        values = clause.values or ()
        if not values:
            raise Unsatisfiable(
                clause.path, "lists no value that fits the keywords around it.",
                "Add a value that fits, or relax what stands beside it.",
            )  # fmt: skip
        texts = [json_text(value, clause.path) for value in values if not isinstance(value, dict | list)]
        nested = [value for value in values if isinstance(value, dict | list)]
        for value in nested:
            json_text(value, clause.path)
        written = [self.builder.one_of("CHOICE", texts)] if texts else []
        return [*written, *(constant(value, self.builder) for value in nested)]


_KINDS = {"null": {"null"}, "boolean": {"boolean"}, "number": {"integer", "fraction"}, "string": {"string"},
          "array": {"array"}, "object": {"object"}}  # fmt: skip
"""What is written by one function each, in this order, and the types of it."""


def _kinds(clause: Clause) -> Iterable[str]:
    """What of a clause is to be written: its values, or each kind that it admits."""
    if clause.values is not None:
        return ("values",)
    types = clause.spoken
    return [kind for kind, parts in _KINDS.items() if not types.isdisjoint(parts)]


_SCALARS = frozenset(("null", "boolean", "integer", "number", "string"))


def _identity(part: Located) -> Any:
    """What two schemas have in common that are written alike: one that names a scalar type and nothing else is as good
    as any other of that type, all others are their own."""
    schema = part.schema
    if isinstance(schema, bool):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _SCALARS and schema.keys() <= _ONLY_TYPE:
        return kind
    return id(schema)


_ONLY_TYPE = TOLD | {"type"}


def _asks_nothing(schema: Schema) -> bool:
    return schema is True or (isinstance(schema, dict) and schema.keys() <= TOLD)
