"""SchemaWriter: schemas that hold together, as the fragment of a grammar. Knows types, references and their depth.

What each type becomes is in the neighbouring files (strings, numbers, array, object).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from models.grammar.fragments.builder import Bound, GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, either, text_fragment
from models.schema import array, numbers, record, strings
from models.schema.bounds import Bounds
from models.schema.clause import Clause
from models.schema.document import ROOT, Document, Located
from models.schema.normal import Normal
from models.schema.oracle import oracle
from models.schema.refusal import SchemaRefused, Unsatisfiable
from models.schema.row import constant

_SCALARS = frozenset(("null", "boolean", "integer", "fraction", "string"))


@dataclass(frozen=True, eq=False)
class SchemaWriter:
    """`entered`: the references around the present value; `free`: whether it is inside a value of which nothing is
    known, where arrays and objects would have no end; `title`: the contract's name."""

    normal: Normal
    bounds: Bounds
    builder: GrammarBuilder
    title: str
    entered: tuple[str, ...] = (ROOT + "#",)
    free: bool = False
    memo: dict[Any, Fragment | NoText] = field(default_factory=dict)

    @property
    def document(self) -> Document:
        return self.normal.document

    def value(self, parts: tuple[Located, ...]) -> Fragment:
        """Any value that fits all of `parts`. NoText where none does, SchemaRefused for what cannot be enforced."""
        same = tuple(part.schema if isinstance(part.schema, bool) else id(part.schema) for part in parts)
        key = (same, tuple(sorted(self.entered)), self.free or not parts)
        if key not in self.memo:
            try:
                self.memo[key] = self._value(parts)
            except NoText as missing:
                self.memo[key] = missing
        found = self.memo[key]
        if isinstance(found, NoText):
            raise found
        return found

    def _value(self, parts: tuple[Located, ...]) -> Fragment:
        found: list[Fragment] = []
        missing: NoText | None = None
        dead: list[Clause] = []
        for clause in self.normal.clauses(parts, dead=dead):
            try:
                found += self._clause(clause, free=self.free or not parts)
            except NoText as error:
                missing = missing or error
        if not found:
            raise missing or self._reason(dead, parts[0].path if parts else "$")
        return either(found)

    def _reason(self, dead: list[Clause], path: str) -> NoText:
        """Why no value fits: what stands in the way of writing the first clause that is proven to be empty."""
        try:
            for clause in dead[:1]:
                if not clause.types:
                    return Unsatisfiable(
                        clause.where("type", "not"), "leaves no type that every keyword for this value admits.",
                        "Let all schemas that apply here share a type.",
                    )  # fmt: skip
                self._clause(clause, free=False)
        except NoText as reason:
            return reason
        except SchemaRefused:
            pass
        return Unsatisfiable(
            path, "admits no value at all: its keywords contradict each other.", "Relax or remove one of them."
        )

    def _clause(self, clause: Clause, free: bool) -> list[Fragment]:
        if clause.values is not None:
            if not clause.values:
                raise Unsatisfiable(
                    clause.path, "lists no value that fits the keywords around it.",
                    "Add a value that fits, or relax what stands beside it.",
                )  # fmt: skip
            texts = [json_text(value, clause.path) for value in clause.values if not isinstance(value, dict | list)]
            nested = [constant(value, self.builder) for value in clause.values if isinstance(value, dict | list)]
            for value in clause.values:
                json_text(value, clause.path)
            return [*([self.builder.one_of("CHOICE", texts)] if texts else []), *nested]
        entered = (*self.entered, *sorted(clause.entered))
        reference, times = Counter(entered).most_common(1)[0]
        if times > max(self.bounds.depth, 1):
            raise Unsatisfiable(
                clause.path, f"leads into {reference.removeprefix(ROOT)} again and again.",
                f"Let it be optional or an array without minItems; Bounds(depth={self.bounds.depth}) is how often.",
            )  # fmt: skip
        inside = replace(self, entered=entered, free=free or not clause.layers)
        types = clause.spoken & _SCALARS if free and not clause.layers else clause.spoken
        found, missing = [], None
        for kind in ("null", "boolean", "number", "string", "array", "object"):
            try:
                found += inside._typed(kind, clause, types)
            except NoText as error:
                missing = error
        if not found and missing is not None:
            raise missing
        return found

    def _typed(self, kind: str, clause: Clause, types: frozenset[str]) -> list[Fragment]:
        """The fragments of one type, none where the clause does not admit it."""
        if kind == "number" and types & {"integer", "fraction"}:
            write = numbers.any_number if types >= {"integer", "fraction"} else numbers.integer
            write = write if "integer" in types else numbers.fraction
            return [write(clause, self.bounds, self.builder)]
        if kind not in types:
            return []
        if kind == "string":
            return [strings.string(clause, self.bounds, self.builder)]
        if kind in ("array", "object"):
            for value in clause.excluded:
                if isinstance(value, list if kind == "array" else dict):
                    raise SchemaRefused(
                        clause.where("not"), f"takes out {json.dumps(value)}, one {kind} among many.",
                        "Take out strings, numbers, truth values or null only.",
                    )  # fmt: skip
            return [array.array(clause, self) if kind == "array" else record.record(clause, self)]
        options: list[Any] = [None] if kind == "null" else [True, False]
        return [
            text_fragment(json.dumps(value)) for value in options if all(value is not out for out in clause.excluded)
        ]

    def finite(self, parts: tuple[Located, ...]) -> list[str] | None:
        """The JSON of every value that fits all of `parts`, each once; None if they are many."""
        values: list[Any] = []
        for clause in self.normal.clauses(parts):
            found = _finite(clause)
            if found is None:
                return None
            values += [(value, clause.path) for value in found]
        kept: list[tuple[Any, str]] = []
        for value, path in values:
            if not any(oracle(self.document, {"const": other}).is_valid(value) for other, _ in kept):
                kept.append((value, path))
        return [json_text(value, path) for value, path in kept]

    def name(self, parts: tuple[Located, ...], rules: list[strings.Rule], declared: list[str], at: str) -> Fragment:
        """A property name that fits all of `parts` and matches `rules`, and is none of those declared."""
        found = []
        for clause in self.normal.clauses((Located({"type": "string"}, at), *parts)):
            if clause.values is None:
                least, most = strings.lengths(clause, self.bounds.key)
                left_out = [*declared, *(value for value in clause.excluded if isinstance(value, str))]
                found.append(strings.terminal("NAME", clause, rules, left_out, least, most, self.builder))
        if not found:
            raise Unsatisfiable(at, "leaves no name for a property.", "Relax propertyNames or the patterns.")
        return either(found)

    def note(self, path: str, fragment: Fragment) -> None:
        """Take down how long the value at `path` may be."""
        bound = Bound(f"{self.title} {path}", fragment.bound, fragment.longest)
        if bound not in self.builder.bounds:
            self.builder.bounds.append(bound)


def _finite(clause: Clause) -> list[Any] | None:
    if clause.values is not None:
        return list(clause.values)
    types = clause.spoken
    if types - {"null", "boolean", "integer"}:
        return None
    found: list[Any] = [None] if "null" in types else []
    found += [False, True] if "boolean" in types else []
    if "integer" in types:
        integers = numbers.finite(clause)
        if integers is None:
            return None
        found += integers
    return [value for value in found if not any(value is out for out in clause.excluded)]


def json_text(value: Any, path: str) -> str:
    """`value` as compact JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SchemaRefused(path, "holds half of a character.", "Write the whole character.") from None
    return text
