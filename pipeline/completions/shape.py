"""Shape: what the text of an answer has to be: free, JSON of a schema, or a text of an expression or a grammar.

Knows how a shape becomes a grammar, and whether a text has it; knows neither requests nor engines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from models.contract import Contract
from models.errors import ContractError
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.plain import choice_grammar, lark_grammar, regex_grammar
from models.schema.bounds import Bounds
from pipeline.record import BadRecord

WIDE = Bounds(text=1000, key=32, items=32, properties=8)
"""How long things may be where a schema does not say."""
TIGHT = (
    Bounds(text=128, key=16, items=8, properties=4, depth=2),
    Bounds(text=32, key=8, items=4, properties=2, depth=1),
    Bounds(text=8, key=4, items=1, properties=1, depth=1, digits=6),
)
"""The same for an answer that did not fit: from long to short."""


@dataclass(frozen=True)
class Shape:
    """`kind`: "free", "json" (`source` is a JSON Schema), "choice" (a JSON array), "regex" or "grammar" (Lark).

    `name` is what the receipt calls it; `calls`: the JSON says which tools are called, or what is said instead.
    """

    kind: str = "free"
    source: str = ""
    name: str = "Completion"
    calls: bool = False

    @property
    def is_free(self) -> bool:
        """Whether any text has it."""
        return self.kind == "free"

    def grammar(self, bounds: Bounds = WIDE, spaced: bool = False) -> Grammar | None:
        """The grammar of its texts, None for free ones. ContractError where none can be made. `spaced`: the JSON's
        form, as for `compile_grammar`.
        """
        return None if self.is_free else _compiled(self.kind, self.source, self.name, bounds, spaced)

    def fault(self, text: str, bounds: Bounds = WIDE) -> str | None:
        """What is wrong with a text of the grammar, where the grammar alone does not say it all."""
        if self.kind != "json":
            return None
        try:
            _contract(self.source, self.name, bounds).model_validate_json(text)
        except ValidationError as error:
            return "; ".join(str(one["msg"]) for one in error.errors()[:3])
        return None

    def is_proven(self, bounds: Bounds = WIDE) -> bool:
        """Whether the grammar alone says it all, so that no text of it can be at `fault`."""
        return self.kind != "json" or not _contract(self.source, self.name, bounds).checked_after()

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits by which a receipt tells it from others."""
        return sha256(f"{self.kind}\0{self.source}".encode()).hexdigest()[:16]


def json_shape(schema: object, name: str, where: str, calls: bool = False) -> Shape:
    """The shape of JSON that a schema describes; compiled now, once. BadRecord that begins with `where`."""
    if not isinstance(schema, dict | bool):
        raise BadRecord(f'"{where}" is no JSON Schema: give an object.')
    called = "".join(letter if letter.isalnum() else "_" for letter in name) or "Answer"
    return _checked(Shape("json", json.dumps(schema, ensure_ascii=False), called, calls), where)


def text_shape(kind: str, source: object, where: str) -> Shape:
    """The shape of a text: "choice", "regex" or "grammar". BadRecord that begins with `where`."""
    if kind == "choice":
        if not isinstance(source, list) or not all(isinstance(one, str) for one in source):
            raise BadRecord(f'"{where}" is no list of texts.')
        return _checked(Shape("choice", json.dumps(source, ensure_ascii=False), "Choice"), where)
    if not isinstance(source, str):
        raise BadRecord(f'"{where}" is not a text.')
    return _checked(Shape(kind, source, kind.capitalize()), where)


def _checked(shape: Shape, where: str) -> Shape:
    try:
        shape.grammar(spaced=True)
    except ContractError as error:
        raise BadRecord(f'"{where}" cannot be enforced: {error}') from error
    return shape


@lru_cache(maxsize=512)
def _contract(source: str, name: str, bounds: Bounds) -> type[Contract]:
    schema: Any = json.loads(source)
    return Contract.from_json_schema(schema, name, bounds)


@lru_cache(maxsize=512)
def _compiled(kind: str, source: str, name: str, bounds: Bounds, spaced: bool) -> Grammar:
    if kind == "json":
        return compile_grammar(_contract(source, name, bounds), spaced=spaced)
    if kind == "choice":
        return choice_grammar(json.loads(source))
    return (regex_grammar if kind == "regex" else lark_grammar)(source)
