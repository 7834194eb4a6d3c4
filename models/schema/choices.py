"""Choices: the alternatives that anyOf, oneOf, not, if and the dependent keywords leave a value.

Knows one keyword at a time. What comes of several at once: normal.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from models.schema.document import Document, Located, Schema
from models.schema.emptiness import Empty, all_apart, disjoint
from models.schema.negation import Denial, opposite
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import TOLD

CHOICES = "anyOf", "oneOf", "if", "dependentRequired", "dependentSchemas", "not"
"""The keywords that are choices, in the order in which they are made."""

_OVERLAPPING = 12
"""Alternatives of a oneOf that may overlap and are kept apart by what each of them is not."""

_BECAUSE = {
    False: "has alternatives that may both hold, and no grammar keeps them apart",
    True: "asks for something whose opposite no grammar writes",
}


@dataclass(frozen=True, eq=False)
class Asked:
    """A schema that must hold. `scopes`: the schemas that led to it whose unevaluated keywords count what it evaluates;
    `because`: the oneOf or if that denies it, or ""."""

    located: Located
    scopes: tuple[int, ...] = ()
    because: str = ""

    def to(self, located: Located, because: str = "", counts: bool = True) -> Asked:
        return Asked(located, self.scopes if counts else (), because or self.because)

    def split(self, keyword: str) -> list[Asked]:
        """Itself, for the choice under `keyword`; a dependent one as a choice for each of its properties."""
        schema, path = self.located.schema, self.located.path
        assert isinstance(schema, dict)
        if not keyword.startswith("dependent"):
            return [self]
        return [replace(self, located=Located({keyword: {name: part}}, path)) for name, part in schema[keyword].items()]


def is_flat(denied: Schema) -> bool:
    """Whether what is denied are types or values, and nothing else."""
    return isinstance(denied, dict) and denied.keys() - TOLD in ({"type"}, {"enum"})


@dataclass(frozen=True)
class Choices:
    """Of `document`. `empty`: whether it is proven that no value fits; `loosen`: notes what cannot be kept apart."""

    document: Document
    empty: Empty
    loosen: Callable[[str, str], None]

    def options(self, keyword: str, asked: Asked, known: tuple[Located, ...], fuel: int) -> list[list[Asked]]:
        """What may hold in place of `keyword`, beside `known`: one of these, each all together."""
        schema, path = asked.located.schema, asked.located.path
        assert isinstance(schema, dict)
        value, at = schema[keyword], path if isinstance(schema, Denial) else step(path, keyword)
        if keyword == "not":
            return self._denied(Located(value, at), asked, known, fuel)
        if keyword == "anyOf":
            return [[asked.to(Located(part, step(at, number)))] for number, part in enumerate(value)]
        if keyword == "oneOf":
            return self._one_of([Located(part, step(at, number)) for number, part in enumerate(value)],
                                at, asked, known, fuel)  # fmt: skip
        if keyword == "if":
            held = [asked.to(Located(schema[name], step(path, name))) for name in ("if", "then") if name in schema]
            other = [asked.to(Located(schema["else"], step(path, "else")))] if "else" in schema else []
            return [held, [asked.to(Located(Denial(value), at), at, counts=False), *other]]
        ((name, needed),) = value.items()
        without: Schema = {"properties": {name: False}}
        present: Schema = {"type": "object", "required": [name]}
        beside = Located({"required": needed} if keyword == "dependentRequired" else needed, step(at, name))
        return [
            [asked.to(Located(without, path), counts=False)],
            [asked.to(Located(present, path), counts=False), asked.to(beside)],
        ]

    def _one_of(
        self, parts: list[Located], at: str, asked: Asked, known: tuple[Located, ...], fuel: int
    ) -> list[list[Asked]]:
        if all_apart(parts, self.document):
            return [[asked.to(one)] for one in parts]
        options = []
        for one in parts:
            apart = [
                other
                for other in parts
                if other is not one
                and not disjoint(one, other, self.document)
                and not self.empty((*known, one, other), fuel - 1)
            ]
            if len(apart) > _OVERLAPPING:
                self.loosen(at, "has too many alternatives that may hold together")
                apart = []
            denials = [asked.to(Located(Denial(other.schema), other.path), at, counts=False) for other in apart]
            options.append([asked.to(one), *denials])
        return options

    def _denied(self, located: Located, asked: Asked, known: tuple[Located, ...], fuel: int) -> list[list[Asked]]:
        if self.empty((*known, located), fuel - 1):
            return [[]]
        try:
            options = opposite(located, self.document)
        except SchemaRefused as refused:
            because = _BECAUSE[asked.because.rsplit(".", 1)[-1] == "if"] if asked.because else refused.reason
            self.loosen(asked.because or refused.path, because)
            return [[]]
        return [[asked.to(part, counts=False) for part in option] for option in options]
