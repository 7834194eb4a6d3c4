"""Bounds: how long the parts of a JSON value may be where its schema does not say. Knows numbers only."""

from __future__ import annotations

from dataclasses import dataclass, fields

from models.errors import ContractError

LARGE = 5_000
"""Items and properties up to which a number of them is counted by the grammar."""

LONGEST = 20_000
"""Characters of a text up to which its length is counted: beyond some 60,000 llguidance stops in the middle."""


@dataclass(frozen=True)
class Bounds:
    """What tightens a JSON Schema that has no end: each bound holds only where the schema gives none.

    `text`: characters of a string; `key`: characters of a property name that the schema does not spell out; `items`:
    items of an array; `properties`: how many properties that are not spelled out; `depth`: how often a schema may
    stand inside itself, itself counted; each time the bounds above are a quarter of what they were; `digits`: digits of
    an integer. A `minLength`, `minItems` or `minimum` above its bound moves the bound. ContractError below zero.
    """

    text: int = 256
    key: int = 32
    items: int = 16
    properties: int = 8
    depth: int = 3
    digits: int = 15

    def __post_init__(self) -> None:
        for bound in fields(self):
            least = 1 if bound.name in ("digits", "key") else 0
            if getattr(self, bound.name) < least:
                raise ContractError(f"Bounds.{bound.name} is {getattr(self, bound.name)}.", f"Make it {least} or more.")
