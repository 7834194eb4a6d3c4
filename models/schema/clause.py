"""Clause: schemas that all hold for one value, without alternatives: what they say together about each type.

Knows the flat keywords (types, lengths, ranges, required names). Does not know references or alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from models.schema.document import Located
from models.schema.refusal import step
from models.schema.vocabulary import KINDS, types_of

ALL_TYPES = frozenset(("null", "boolean", "integer", "fraction", "string", "array", "object"))
"""JSON Schema's types, with number split into integers and the rest."""


def split(types: str | list[str]) -> set[str]:
    """What stands under `type`, one or several, with number split."""
    return {part for name in types_of(types) for part in (("integer", "fraction") if name == "number" else (name,))}


@dataclass(frozen=True, eq=False)
class Layer:
    """The flat keywords of one schema. `renames`: where a keyword that was made up here really stands; `scopes`: the
    schemas around it, and itself, whose unevaluated keywords count what it evaluates."""

    keywords: dict[str, Any]
    path: str
    renames: dict[str, str] = field(default_factory=dict)
    scopes: tuple[int, ...] = ()

    def at(self, keyword: str, *keys: str | int) -> str:
        return self.renames.get(keyword) or step(self.path, keyword, *keys)

    def child(self, keyword: str, *keys: str | int) -> Located:
        found = self.keywords[keyword]
        for key in keys:
            found = found[key]
        return Located(found, self.at(keyword, *keys))


@dataclass(frozen=True, eq=False)
class Clause:
    """`layers`: all of them hold. `values`: the only values, where an enum or a const lists them. `path`: where the
    first of them stands."""

    layers: tuple[Layer, ...]
    path: str
    values: tuple[Any, ...] | None = None

    def said(self, keyword: str) -> list[tuple[Any, Layer]]:
        """What each layer says under `keyword`."""
        return [(layer.keywords[keyword], layer) for layer in self.layers if keyword in layer.keywords]

    def least(self, keyword: str) -> int:
        return max((int(value) for value, _ in self.said(keyword)), default=0)

    def most(self, keyword: str) -> int | None:
        return min((int(value) for value, _ in self.said(keyword)), default=None)

    def where(self, *keywords: str) -> str:
        """The path of the first of `keywords` that a layer has, else the clause's own."""
        found = (layer.at(keyword) for keyword in keywords for layer in self.layers if keyword in layer.keywords)
        return next(found, self.path)

    @property
    def types(self) -> frozenset[str]:
        """The types that the layers leave: every one if none speaks of types."""
        found = ALL_TYPES
        for named, _ in self.said("type"):
            found &= split(named)
        for denied, _ in self.said("not"):
            found -= split(denied.get("type", []))
        return found

    @property
    def spoken(self) -> frozenset[str]:
        """The types to write: those left; where no layer names any, those that its keywords speak of."""
        left = self.types
        if self.said("type"):
            return left
        about = split([kind for kind, words in KINDS.items() if any(self.said(word) for word in words)])
        return left & about if about else left

    @property
    def excluded(self) -> list[Any]:
        """The values that `not` takes out."""
        return [value for denied, _ in self.said("not") for value in denied.get("enum", [])]
