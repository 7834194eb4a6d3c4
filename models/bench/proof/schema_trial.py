"""SchemaTrial: what is tried on JSON Schemas, and how. Knows no file, and does not try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from models.schema.schema_folder import SchemaFile

Rival = Literal["llguidance", "outlines"]
"""Whose work is looked at in place of ours: see rivals.py."""


@dataclass(frozen=True)
class Case:
    """A schema as a file has it, and its instances. `schema`: a string says why there is none. `file`: what it was read
    from, if anything."""

    path: str
    schema: Any
    tests: list[dict[str, Any]]
    file: SchemaFile | None = None


@dataclass(frozen=True)
class Trial:
    """How each schema is tried: with so many random completions of tokens of `tokenizer`, drawn from `seed`, `within`
    so many tokens (see `attack`); `proven` and `strict` as `Contract.from_json_schema` has them. `rival`: without
    completions."""

    attacks: int = 20
    tokenizer: str = "byte"
    seed: int = 0
    proven: bool = False
    strict: bool = False
    within: int | None = None
    rival: Rival | None = None
