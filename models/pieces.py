"""Pieces: the part of a grammar that one field becomes.

Knows which annotation becomes which piece, and what to advise where none does. Every piece admits a subset of what
Pydantic accepts for the field. Does not know the pieces of single values (scalar.py, copied.py), nor engines.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, time
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from models.copied import quote_piece, said_piece
from models.errors import ContractError
from models.money import Money
from models.reading import readable
from models.said import QuoteMark, SaidMark, ScratchpadMark
from models.scalar import SCALARS, scratchpad
from models.sheet import NothingToCopy, Piece, Sheet, closed, one_of, ordered, text_piece, type_name


def contract_piece(contract: type[BaseModel], sheet: Sheet) -> Piece:
    """A compact JSON object with every field of `contract`, in declared order."""
    if contract in sheet.within:
        raise ContractError(
            f"{contract.__name__} contains itself, so it has no longest text.", "Nest a different class."
        )
    inside = replace(sheet, within=(*sheet.within, contract))
    parts: list[Piece] = []
    opening, public = "{", False
    for name, info in contract.model_fields.items():
        where = f"{contract.__name__}.{name}"
        _check_info(info, where)
        private = any(isinstance(mark, ScratchpadMark) for mark in info.metadata)
        if private and (public or sheet.within):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        parts.append(text_piece(f"{opening}{json.dumps(name, ensure_ascii=False)}:"))
        parts.append(_piece(info.annotation, _limits(info.metadata, where), where, inside, private))
        opening = ","
    parts.append(text_piece("{}" if opening == "{" else "}"))
    return _joined(parts)


def _joined(parts: Iterable[Piece]) -> Piece:
    """One after the other; neighbouring constants become one literal."""
    merged: list[Piece] = []
    for part in parts:
        if merged and part.constant is not None and (before := merged[-1].constant) is not None:
            merged[-1] = text_piece(before + part.constant)
        else:
            merged.append(part)
    only = merged[0].constant if len(merged) == 1 else None
    return Piece(" ".join(part.rule for part in merged), sum(part.longest for part in merged), only)


def _check_info(info: FieldInfo, where: str) -> None:
    if info.alias or info.validation_alias or info.serialization_alias:
        raise ContractError(f"{where} has an alias, so its JSON key is not its name.", "Remove the alias.")


def _piece(annotation: Any, limits: dict[str, Any], where: str, sheet: Sheet, private: bool = False) -> Piece:
    while get_origin(annotation) is Annotated:
        limits = _both(_limits(annotation.__metadata__, where), limits, where)
        annotation = annotation.__origin__
    mark = limits.pop("mark", None)
    if isinstance(mark, SaidMark):
        return closed(said_piece(mark, where, sheet), limits, where)
    if isinstance(mark, QuoteMark):
        return closed(quote_piece(where, sheet), limits, where)
    if isinstance(mark, ScratchpadMark):
        if not private:
            raise ContractError(f"{where} hides a Scratchpad inside another type.", "Declare it as plain Scratchpad.")
        return scratchpad(limits, where, sheet)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _optional(annotation, limits, where, sheet)
    if origin is list:
        return _list(annotation, limits, where, sheet)
    if origin is Literal:
        return closed(_options("CHOICE", get_args(annotation), where, sheet), limits, where)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return closed(_options("CHOICE", [member.value for member in annotation], where, sheet), limits, where)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return closed(_nested(annotation, where, sheet), limits, where)
    if annotation not in SCALARS:
        raise _unsupported(annotation, where)
    compiler = SCALARS[annotation]
    return closed(compiler(limits, where, sheet), limits, where)


def _limits(metadata: Iterable[object], where: str) -> dict[str, Any]:
    """The constraints of a field by name (ge, max_length, decimal_places, …), and its mark under "mark"."""
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, SaidMark | QuoteMark | ScratchpadMark):
            found["mark"] = item
        elif isinstance(item, FieldInfo):
            _check_info(item, where)
            found = _both(found, _limits(item.metadata, where), where)
        elif isinstance(item, GroupedMetadata):
            found = _both(found, _limits(item, where), where)
        elif isinstance(item, BaseMetadata) and is_dataclass(item):
            found = _both(found, {part.name: getattr(item, part.name) for part in fields(item)}, where)
        elif type(item).__name__ == "_PydanticGeneralMetadata":  # pydantic's own carrier of decimal_places, pattern, …
            found = _both(found, {name: limit for name, limit in vars(item).items() if limit is not None}, where)
        else:
            raise ContractError(
                f"{where} is annotated with {type(item).__name__}, which a grammar cannot enforce.",
                "Remove it, and check it in a @field_validator or a guardrail instead.",
            )
    return found


def _both(some: dict[str, Any], others: dict[str, Any], where: str) -> dict[str, Any]:
    for name in some.keys() & others.keys():
        if some[name] != others[name]:
            raise ContractError(f"{where} sets {name} twice.", "Keep one of them.")
    return some | others


def _optional(annotation: Any, limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
    if len(kinds) != 1 or len(kinds) == len(get_args(annotation)):
        names = " | ".join(type_name(kind) for kind in kinds)
        raise ContractError(
            f"{where} may be {names}, and JSON does not say which of them it is.",
            "Keep one type (and None), a Literal of all values, or one field for each type.",
        )
    try:
        inner = _piece(kinds[0], limits, where, sheet)
    except NothingToCopy:
        return text_piece("null")
    return Piece(f'({inner.rule} | "null")', max(inner.longest, 4))


def _list(annotation: Any, limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    if most is None:
        raise ContractError(f"{where} is a list without an end.", "Add Field(max_length=…).")
    ordered(least, most, where)
    try:
        item = _piece(get_args(annotation)[0], {}, f"{where}[…]", sheet)
    except NothingToCopy:
        if least:
            raise
        most = 0
    if most == 0:
        return closed(text_piece("[]"), limits, where)
    more = f'({item.rule} ("," {item.rule}){{{max(least - 1, 0)},{most - 1}}})' if most > 1 else f"({item.rule})"
    rule = f'"[" {more}{"" if least else "?"} "]"'
    return closed(Piece(rule, 2 + most * item.longest + most - 1), limits, where)


def _nested(contract: type[BaseModel], where: str, sheet: Sheet) -> Piece:
    if contract.model_config.get("extra") != "forbid":
        raise ContractError(f"{where} is a {contract.__name__}, which is no Contract.", "Derive it from Contract.")
    piece = contract_piece(contract, sheet)
    return piece if piece.constant is not None else Piece(f"({piece.rule})", piece.longest)


def _options(name: str, values: Iterable[object], where: str, sheet: Sheet) -> Piece:
    texts = []
    for value in values:
        if not isinstance(value, str | int | None) or isinstance(value, Enum):
            raise ContractError(
                f"{where} offers {value!r}, which has no exact JSON form.",
                "Use str, int or bool values, or the whole Enum.",
            )
        texts.append(json.dumps(value, ensure_ascii=False))
    if not texts:
        raise ContractError(f"{where} offers nothing to choose from.", "Add a member.")
    return one_of(name, texts, sheet)


_ADVICE: dict[object, str] = {
    datetime: "Use a date, or Said[…] with a class that has a classmethod read(text, today).",
    time: "Use a str with max_length, or Said[…] with a class that has a classmethod read(text, today).",
    dict: "Nest a Contract with the keys as fields.",
    tuple: "Nest a Contract, or use list[…] with max_length.",
    set: "Use list[…] with max_length.",
    frozenset: "Use list[…] with max_length.",
    list: "Say what is in it: list[…] with max_length.",
    bytes: "Use a str with max_length.",
    Money: "Write Said[Money], so that code reads the amount.",
    Any: "Say which type it is.",
    object: "Say which type it is.",
}


def _unsupported(annotation: Any, where: str) -> ContractError:
    kind = get_origin(annotation) or annotation
    advice = _ADVICE.get(kind)
    if advice is None and readable(kind):
        advice = f"Write Said[{type_name(kind)}], so that code reads it."
    return ContractError(
        f"{where} is {type_name(annotation)}, which no grammar can enforce.",
        advice or "Use str, int, float, bool, Decimal, date, Literal, an Enum, list, another Contract, Said or Quote.",
    )
