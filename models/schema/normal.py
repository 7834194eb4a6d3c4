"""Normal: schemas that hold together, as clauses: alternatives without any alternative inside.

Knows references, allOf, anyOf, oneOf, not, if and the dependent keywords, and unevaluated ones. Does not know how a
value is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from models.errors import ContractError
from models.schema.clause import Clause, Layer
from models.schema.document import Document, Located
from models.schema.emptiness import all_apart, disjoint, never_empty, nothing_fits
from models.schema.listing import Listing
from models.schema.negation import Denial, opposite
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import FLAT, TOLD

_MOST = 256
"""Alternatives of one value; where a schema multiplies out to more, one choice is made and the others are checked."""

_STEPS = 8_000
"""Schemas looked at again, because others hold beside them, before choices beside the first are checked only."""

_DEEP = 20
"""Values inside each other from which on the same holds: what goes on without end by adding to what holds beside."""

_OVERLAPPING = 12
"""Alternatives of a oneOf that may overlap and are kept apart by what each of them is not."""

_FUEL = 4
"""Levels of properties and items that a proof of emptiness looks through."""

_UNEVALUATED = frozenset(("unevaluatedProperties", "unevaluatedItems"))

_PLAIN = (FLAT | TOLD | {"$defs"}) - _UNEVALUATED - {"enum", "const"}
"""Keywords that make no choice, and list no values."""

_SPREAD = "anyOf", "oneOf", "if", "dependentRequired", "dependentSchemas", "not"


@dataclass(frozen=True, eq=False)
class _Item:
    """A schema that must hold. `scopes`: the schemas that led to it whose unevaluated keywords count what it evaluates;
    `because`: the oneOf or if that denies it, or ""."""

    located: Located
    scopes: tuple[int, ...] = ()
    because: str = ""

    def to(self, located: Located, because: str = "", counts: bool = True) -> _Item:
        return _Item(located, self.scopes if counts else (), because or self.because)


@dataclass(frozen=True)
class _Partial:
    """A clause that is being made."""

    layers: tuple[tuple[Layer, tuple[int, ...]], ...] = ()
    sources: tuple[Located, ...] = ()
    seen: frozenset[int] = frozenset()
    branches: tuple[tuple[str, _Item], ...] = ()


class Normal:
    """The clauses of the schemas of one document; what cannot be decided is taken down in its notes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._keep: list[Any] = []
        self._steps = 0
        self._seen: set[int] = set()
        self._proofs = 0
        # Fuel up to which a proof failed, and from which on there is one.
        self._proven: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._listing = Listing(document)

    def clauses(
        self, parts: tuple[Located, ...], fuel: int = _FUEL, dead: list[Clause] | None = None, depth: int = 0
    ) -> list[Clause]:
        """Every value that fits all of `parts` fits a clause, and the other way round but for what is loosened; where
        an enum or a const lists the values, those that fit are all. Into `dead` go clauses that no value fits. `depth`:
        values that are being written around this one."""
        self._keep.extend(parts)
        if len(parts) == 1 and isinstance(parts[0].schema, dict) and parts[0].schema.keys() <= _PLAIN:
            return self._without_choice(parts[0], parts[0].schema, fuel, dead)
        path = parts[0].path if parts else "$"
        spread = 1 if self._steps > _STEPS or depth > _DEEP else _MOST
        while True:
            found: list[Clause] = []
            try:
                for clause in self._expanded([_Item(part) for part in parts], _Partial(), path, fuel, dead, spread):
                    found.append(clause)
                    if spread > 1 and (len(found) > _MOST or self._steps > _STEPS):
                        raise _TooMany
            except _TooMany:
                spread = 1
                continue
            return found

    def _without_choice(
        self, located: Located, schema: dict[str, Any], fuel: int, dead: list[Clause] | None
    ) -> list[Clause]:
        """The same of one schema without choices, as nearly all are."""
        self._steps += 2 * (id(schema) in self._seen)
        self._seen.add(id(schema))
        keywords = {keyword: value for keyword, value in schema.items() if keyword in FLAT}
        clause = Clause((Layer(keywords, located.path),) if keywords else (), located.path)
        if never_empty(schema) or not nothing_fits(clause, self.document, self.empty, fuel):
            return [clause]
        if dead is not None:
            dead.append(clause)
        return []

    def empty(self, parts: tuple[Located, ...], fuel: int = _FUEL) -> bool:
        """Whether it is proven, within `fuel` levels and without loosening anything, that no value fits all of
        `parts`."""
        if any(part.schema is False for part in parts):
            return True
        if fuel <= 0 or not parts or (len(parts) == 1 and never_empty(parts[0].schema)):
            return False
        self._keep.extend(parts)
        key = tuple(id(part.schema) if isinstance(part.schema, dict) else part.schema for part in parts)
        fitting, empty = self._proven.get(key, (0, _FUEL + 1))
        if fitting < fuel < empty:
            proven = self._no_clause(parts, fuel)
            self._proven[key] = (fitting, fuel) if proven else (fuel, empty)
            return proven
        return fuel >= empty

    def _no_clause(self, parts: tuple[Located, ...], fuel: int) -> bool:
        if self._steps > _STEPS:
            return False
        self._proofs += 1
        try:
            clauses = self._expanded([_Item(part) for part in parts], _Partial(), "$", fuel, None, _MOST)
            return next(clauses, None) is None
        except ContractError:
            return False
        finally:
            self._proofs -= 1

    def _loosen(self, path: str, why: str) -> None:
        if not self._proofs:
            self.document.notes.loosen(path, why)

    def _expanded(
        self, todo: list[_Item], partial: _Partial, path: str, fuel: int, dead: list[Clause] | None, spread: int
    ) -> Iterator[Clause]:
        """`spread`: how many choices are written out, one inside the other."""
        while todo:
            item = todo.pop(0)
            schema = item.located.schema
            if schema is False:
                return
            if schema is True or id(schema) in partial.seen:
                continue
            if id(schema) in self._seen:
                self._steps += 2 + len(partial.layers)
            self._seen.add(id(schema))
            partial = self._taken(item, partial, todo)
        clause = self._clause(partial, path)
        if nothing_fits(clause, self.document, self.empty, fuel - 1 if partial.branches else fuel):
            if dead is not None:
                dead.append(clause)
            return
        if clause.values is not None or not partial.branches:
            yield clause
            return
        if spread == 0:
            for keyword, item in partial.branches:
                self._loosen(step(item.located.path, keyword), "multiplies out to too many alternatives")
            yield clause if clause.values is not None else self._clause(replace(partial, branches=()), path)
            return
        order = sorted(partial.branches, key=lambda branch: _SPREAD.index(branch[0]))
        keyword, item = order[0]
        rest = replace(partial, branches=tuple(order[1:]))
        for option in self._options(keyword, item, rest, fuel):
            yield from self._expanded(option, rest, path, fuel, dead, spread - 1)

    def _taken(self, item: _Item, partial: _Partial, todo: list[_Item]) -> _Partial:
        """`partial` with one schema more; what holds beside it goes on `todo`, what is a choice to its branches."""
        schema, path = item.located.schema, item.located.path
        assert isinstance(schema, dict)
        self._keep.append(schema)
        branches = partial.branches
        if not schema.keys().isdisjoint(_UNEVALUATED):
            item = replace(item, scopes=(*item.scopes, id(schema)))
        if "$ref" in schema:
            todo.append(item.to(self.document.targets[schema["$ref"]]))
        for number, part in enumerate(schema.get("allOf", ())):
            todo.append(item.to(Located(part, step(path, "allOf", number))))
        keywords = {keyword: value for keyword, value in schema.items() if keyword in FLAT}
        for keyword in _SPREAD:
            if keyword == "not" and "not" in schema and _flat(schema):
                keywords["not"] = schema["not"]
            elif keyword in schema:
                branches = (*branches, *((keyword, part) for part in _split(keyword, item)))
        layers = ((Layer(keywords, path), item.scopes),) if keywords else ()
        return _Partial(
            partial.layers + layers, (*partial.sources, item.located), partial.seen | {id(schema)}, branches
        )

    def _clause(self, partial: _Partial, path: str) -> Clause:
        layers = [layer for layer, _ in partial.layers]
        for layer in list(layers):
            values = self._listing.fitting(layer.keywords, [source.schema for source in partial.sources])
            if values is not None:
                return Clause(tuple(layers), layer.at("enum" if "enum" in layer.keywords else "const"), values=values)
        for layer in list(layers) if not partial.branches else ():  # a choice may still let more count
            if layer.keywords.keys().isdisjoint(_UNEVALUATED):
                continue
            scope = next((scopes for one, scopes in partial.layers if one is layer), ())
            inside = [one for one, scopes in partial.layers if scope and scope[-1] in scopes]
            layers += _unevaluated(layer, inside)
        return Clause(tuple(layers), path)

    def _options(self, keyword: str, item: _Item, partial: _Partial, fuel: int) -> list[list[_Item]]:
        schema, path = item.located.schema, item.located.path
        assert isinstance(schema, dict)
        value, at = schema[keyword], path if isinstance(schema, Denial) else step(path, keyword)
        self._steps += len(partial.layers)
        known = tuple(Located(layer.keywords, layer.path) for layer, _ in partial.layers)
        if keyword == "not":
            return self._denied(Located(value, at), item, known, fuel)
        if keyword == "anyOf":
            return [[item.to(Located(part, step(at, number)))] for number, part in enumerate(value)]
        if keyword == "oneOf":
            parts = [Located(part, step(at, number)) for number, part in enumerate(value)]
            if all_apart(parts, self.document):
                return [[item.to(one)] for one in parts]
            options = []
            for one in parts:
                others = [other for other in parts if other is not one]
                apart = [
                    other
                    for other in others
                    if not disjoint(one, other, self.document) and not self.empty((*known, one, other), fuel - 1)
                ]
                if len(apart) > _OVERLAPPING:
                    self._loosen(at, "has too many alternatives that may hold together")
                    apart = []
                denials = [item.to(Located(Denial(other.schema), other.path), at, counts=False) for other in apart]
                options.append([item.to(one), *denials])
            return options
        if keyword == "if":
            held = [item.to(Located(schema[name], step(path, name))) for name in ("if", "then") if name in schema]
            other = [item.to(Located(schema["else"], step(path, "else")))] if "else" in schema else []
            return [held, [item.to(Located(Denial(value), at), at, counts=False), *other]]
        ((name, needed),) = value.items()
        without = item.to(Located({"properties": {name: False}}, path), counts=False)
        present: dict[str, Any] = {"type": "object", "required": [name]}
        if keyword == "dependentRequired":
            present["required"] = [name, *needed]
            return [[without], [item.to(Located(present, path), counts=False)]]
        schemas = [item.to(Located(needed, step(at, name)))]
        return [[without], [item.to(Located(present, path), counts=False), *schemas]]

    def _denied(self, located: Located, item: _Item, known: tuple[Located, ...], fuel: int) -> list[list[_Item]]:
        if self.empty((*known, located), fuel - 1):
            return [[]]
        try:
            options = opposite(located, self.document)
        except SchemaRefused as refused:
            because = _BECAUSE[item.because.rsplit(".", 1)[-1] == "if"] if item.because else refused.what
            self._loosen(item.because or refused.path, because)
            return [[]]
        return [[item.to(part, counts=False) for part in option] for option in options]


_BECAUSE = {
    False: "has alternatives that may both hold, and no grammar keeps them apart",
    True: "asks for something whose opposite no grammar writes",
}


class _TooMany(Exception):
    """There are more alternatives than are written out."""


def _flat(schema: dict[str, Any]) -> bool:
    """Whether its `not` takes out types or values, and nothing else."""
    denied = schema["not"]
    if not isinstance(denied, dict):
        return False
    return denied.keys() - TOLD in ({"type"}, {"enum"})


def _split(keyword: str, item: _Item) -> list[_Item]:
    """A dependent keyword as one choice for each of its properties."""
    schema = item.located.schema
    assert isinstance(schema, dict)
    if not keyword.startswith("dependent"):
        return [item]
    return [
        replace(item, located=Located({keyword: {name: needed}}, item.located.path))
        for name, needed in schema[keyword].items()
    ]


def _unevaluated(layer: Layer, inside: list[Layer]) -> list[Layer]:
    """What the unevaluated keywords of `layer` mean once it is known which layers count, all of them in `inside`."""
    found = []
    if "unevaluatedProperties" in layer.keywords and not any("additionalProperties" in one.keywords for one in inside):
        keywords = {
            "properties": {name: True for one in inside for name in one.keywords.get("properties", {})},
            "patternProperties": {name: True for one in inside for name in one.keywords.get("patternProperties", {})},
            "additionalProperties": layer.keywords["unevaluatedProperties"],
        }
        found.append(Layer(keywords, layer.path, {"additionalProperties": layer.at("unevaluatedProperties")}))
    if "unevaluatedItems" in layer.keywords and not any("items" in one.keywords for one in inside):
        prefix = max(len(one.keywords.get("prefixItems", ())) for one in inside)
        keywords = {"prefixItems": [True] * prefix, "items": layer.keywords["unevaluatedItems"]}
        found.append(Layer(keywords, layer.path, {"items": layer.at("unevaluatedItems")}))
    return found
