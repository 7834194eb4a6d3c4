"""Normal: schemas that hold together, as clauses: alternatives without any alternative inside.

Knows references, allOf and the unevaluated keywords. What a choice leaves is in choices.py. Does not know how a value
is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from models.errors import ContractError
from models.schema.choices import CHOICES, Asked, Choices, is_flat
from models.schema.clause import Clause, Layer
from models.schema.document import Document, Located
from models.schema.emptiness import never_empty, nothing_fits
from models.schema.listing import Listing
from models.schema.refusal import step
from models.schema.vocabulary import FLAT

_MOST = 256
"""Alternatives of one value; where a schema multiplies out to more, one choice is made and the others are checked."""

_STEPS = 8_000
"""Schemas looked at again, because others hold beside them, before choices beside the first are checked only."""

_DEEP = 20
"""Values inside each other from which on the same holds: what goes on without end by adding to what holds beside."""

_FUEL = 4
"""Levels of properties and items that a proof of emptiness looks through."""

_UNEVALUATED = frozenset(("unevaluatedProperties", "unevaluatedItems"))


@dataclass(frozen=True)
class _Partial:
    """A clause that is being made."""

    layers: tuple[Layer, ...] = ()
    sources: tuple[Located, ...] = ()
    seen: frozenset[int] = frozenset()
    branches: tuple[tuple[str, Asked], ...] = ()


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
        self._choices = Choices(document, self.empty, self._loosen)

    def clauses(
        self, parts: tuple[Located, ...], fuel: int = _FUEL, dead: list[Clause] | None = None, depth: int = 0
    ) -> list[Clause]:
        """Every value that fits all of `parts` fits a clause, and the other way round but for what is loosened; where
        an enum or a const lists the values, those that fit are all. Into `dead` go clauses that no value fits. `depth`:
        values that are being written around this one."""
        self._keep.extend(parts)
        path = parts[0].path if parts else "$"
        for spread in (1,) if self._steps > _STEPS or depth > _DEEP else (_MOST, 1):
            found: list[Clause] = []
            for clause in self._expanded([Asked(part) for part in parts], _Partial(), path, fuel, dead, spread):
                found.append(clause)
                if spread > 1 and (len(found) > _MOST or self._steps > _STEPS):
                    break
            else:
                break
        return found

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
            clauses = self._expanded([Asked(part) for part in parts], _Partial(), "$", fuel, None, _MOST)
            return next(clauses, None) is None
        except ContractError:
            return False
        finally:
            self._proofs -= 1

    def _loosen(self, path: str, why: str) -> None:
        if not self._proofs:
            self.document.notes.loosen(path, why)

    def _expanded(
        self, todo: list[Asked], partial: _Partial, path: str, fuel: int, dead: list[Clause] | None, spread: int
    ) -> Iterator[Clause]:
        """`spread`: how many choices are written out, one beside the other."""
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
            yield self._clause(replace(partial, branches=()), path)
            return
        order = sorted(partial.branches, key=lambda branch: CHOICES.index(branch[0]))
        keyword, item = order[0]
        rest = replace(partial, branches=tuple(order[1:]))
        self._steps += len(rest.layers)
        known = tuple(Located(layer.keywords, layer.path) for layer in rest.layers)
        # An anyOf inside an anyOf adds to the alternatives; a choice beside another one multiplies them.
        spread -= bool(rest.branches) or keyword != "anyOf" or self._steps > 2 * _STEPS
        for option in self._choices.options(keyword, item, known, fuel):
            yield from self._expanded(option, rest, path, fuel, dead, spread)

    def _taken(self, item: Asked, partial: _Partial, todo: list[Asked]) -> _Partial:
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
        for keyword in CHOICES:
            if keyword == "not" and "not" in schema and is_flat(schema["not"]):
                keywords["not"] = schema["not"]
            elif keyword in schema:
                branches = (*branches, *((keyword, part) for part in item.split(keyword)))
        layers = (Layer(keywords, path, scopes=item.scopes),) if keywords else ()
        return _Partial(
            partial.layers + layers, (*partial.sources, item.located), partial.seen | {id(schema)}, branches
        )

    def _clause(self, partial: _Partial, path: str) -> Clause:
        layers = partial.layers
        for layer in layers:
            values = self._listing.fitting(layer.keywords, [source.schema for source in partial.sources])
            if values is not None:
                return Clause(layers, layer.at("enum" if "enum" in layer.keywords else "const"), values=values)
        if not partial.branches:  # a choice may still let more count
            layers += tuple(more for layer in layers for more in _unevaluated(layer, layers))
        return Clause(layers, path)


def _unevaluated(layer: Layer, layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """What the unevaluated keywords of `layer` mean once all `layers` are known, some of which count."""
    if layer.keywords.keys().isdisjoint(_UNEVALUATED):
        return
    inside = [one for one in layers if layer.scopes[-1] in one.scopes]
    if "unevaluatedProperties" in layer.keywords and not any("additionalProperties" in one.keywords for one in inside):
        keywords = {
            "properties": {name: True for one in inside for name in one.keywords.get("properties", {})},
            "patternProperties": {name: True for one in inside for name in one.keywords.get("patternProperties", {})},
            "additionalProperties": layer.keywords["unevaluatedProperties"],
        }
        yield Layer(keywords, layer.path, {"additionalProperties": layer.at("unevaluatedProperties")})
    if "unevaluatedItems" in layer.keywords and not any("items" in one.keywords for one in inside):
        prefix = max(len(one.keywords.get("prefixItems", ())) for one in inside)
        keywords = {"prefixItems": [True] * prefix, "items": layer.keywords["unevaluatedItems"]}
        yield Layer(keywords, layer.path, {"items": layer.at("unevaluatedItems")})
