"""Record: a contract as a piece, a compact JSON object. Knows keys, order and nesting; leaves values to field.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from models.errors import ContractError
from models.pieces import field
from models.pieces.piece import Piece, sequence, text_piece
from models.pieces.sheet import Bound, NoText, Sheet
from models.said import ScratchpadMark


def contract_piece(contract: type[BaseModel], sheet: Sheet) -> Piece:
    """A compact JSON object with every field of `contract`, in declared order; a whole rule, to be named.

    A class that has no fields of its own to write, as one made of a JSON Schema, says so with a classmethod
    `__piece__(sheet)`.
    """
    own: Callable[[Sheet], Piece] | None = getattr(contract, "__piece__", None)
    if own is not None:
        return own(sheet)
    depth: int = getattr(contract, "__depth__", 0)
    if sheet.within.count(contract) > depth:
        if depth:
            raise NoText(f"{contract.__name__} contains itself more than {depth} deep, and must.", "Allow None there.")
        raise ContractError(
            f"{contract.__name__} contains itself, so it has no longest text.",
            f"Say how deep: `class {contract.__name__}(Contract, depth=2)`, or nest a different class.",
        )
    inside = replace(sheet, within=(*sheet.within, contract))
    parts: list[Piece] = []
    opening, public = "{", False
    for name, info in contract.model_fields.items():
        where = f"{contract.__name__}.{name}"
        private = any(isinstance(mark, ScratchpadMark) for mark in info.metadata)
        if private and (public or sheet.within):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        value = field.piece(info.annotation, field.limits_of(info.metadata, where), where, inside, private)
        quoted = json.dumps(key(name, info, where), ensure_ascii=False)
        parts += [text_piece(opening), text_piece(quoted), text_piece(":"), value]
        bound = Bound(where, value.bound, value.longest)
        if bound not in sheet.bounds:
            sheet.bounds.append(bound)
        opening = ","
    parts += [text_piece("{"), text_piece("}")] if opening == "{" else [text_piece("}")]
    return replace(sequence(parts), bound=contract.__name__)


def nested(contract: type[BaseModel], where: str, sheet: Sheet) -> Piece:
    """A contract inside another, under a name of its own."""
    if contract.model_config.get("extra") != "forbid":
        raise ContractError(f"{where} is a {contract.__name__}, which is no Contract.", "Derive it from Contract.")
    return sheet.rule(contract.__name__, contract_piece(contract, sheet))


def key(name: str, info: FieldInfo, where: str) -> str:
    """The JSON key of a field: its alias where it has one, which must be the same for reading and writing."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    if alias is not None and not isinstance(alias, str):
        raise ContractError(f"{where} is read from a path inside other keys.", "Give it an alias that is one text.")
    written = info.serialization_alias or info.alias
    if (alias or written) and (written or name) != (alias or name):
        raise ContractError(
            f'{where} is read from "{alias or name}" but written as "{written or name}".',
            "Use alias=… alone, so that what was written can be read again.",
        )
    return alias or name
