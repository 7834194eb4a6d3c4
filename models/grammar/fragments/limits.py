"""Limits: the constraints of a field by name, from what its annotation carries. Knows no fragments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import UrlConstraints
from pydantic.fields import FieldInfo
from pydantic.types import AllowInfNan, UuidVersion

from models.errors import ContractError
from models.grammar.fragments.unenforced import CUSTOM
from models.said import QuoteMark, SaidMark, ScratchpadMark


def limits_of(metadata: Iterable[object], where: str) -> dict[str, Any]:
    """The constraints of a field by name (ge, max_length, decimal_places, …), and its mark under "mark"."""
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, SaidMark | QuoteMark | ScratchpadMark):
            found["mark"] = item
        elif isinstance(item, UuidVersion):
            found = both(found, {"uuid_version": item.uuid_version}, where)
        elif isinstance(item, UrlConstraints):
            found = both(found, {"url": item}, where)
        elif isinstance(item, FieldInfo):
            found = both(found, limits_of(item.metadata, where), where)
        elif isinstance(item, GroupedMetadata):
            found = both(found, limits_of(item, where), where)
        elif isinstance(item, BaseMetadata) and is_dataclass(item):
            given = {part.name: getattr(item, part.name) for part in fields(item)}
            found = both(found, {name: limit for name, limit in given.items() if limit is not None}, where)
        elif type(item).__name__ == "_PydanticGeneralMetadata":  # pydantic's own carrier of decimal_places, pattern, …
            found = both(found, {name: limit for name, limit in vars(item).items() if limit is not None}, where)
        elif isinstance(item, AllowInfNan):
            continue  # plain digits are finite anyway
        elif item is None:
            continue  # conint() and its like put it where they were given nothing
        elif isinstance(item, CUSTOM):
            continue  # listed by Contract.checked_after
        else:
            raise ContractError(
                f"{where} is annotated with {type(item).__name__}, which a grammar cannot enforce.",
                "Remove it, and check it in a @field_validator or a guardrail instead.",
            )
    return found


def both(some: dict[str, Any], others: dict[str, Any], where: str) -> dict[str, Any]:
    """Limits from two places. ContractError where they differ."""
    for name in some.keys() & others.keys():
        if some[name] != others[name]:
            raise ContractError(f"{where} sets {name} twice.", "Keep one of them.")
    return some | others
