"""Limits: the constraints of a field by name, from what its annotation carries. Knows no fragments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import Base64Encoder, Discriminator, EncodedBytes, EncodedStr, Json, UrlConstraints
from pydantic.fields import FieldInfo
from pydantic.types import Base64UrlEncoder, UuidVersion

from models.errors import ContractError
from models.grammar.fragments.builder import type_name
from models.grammar.fragments.unenforced import unknown
from models.said import QuoteMark, SaidMark, ScratchpadMark

_LIMITS = (Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf)
_BASE64 = {Base64Encoder: r"+\/", Base64UrlEncoder: "_-"}
"""The last two characters of the alphabet of each, as an expression has them."""
_LENGTHS = ("min_length", "max_length")
_NOTHING = {"strict", "union_mode", "coerce_numbers_to_str", "fail_fast"}
"""What the grammars obey anyway: they leave no room for conversions, and each kind of a union is a value of it."""


def limits_of(metadata: Iterable[object], where: str) -> dict[str, Any]:
    """The constraints of a field by name (ge, max_length, decimal_places, …), and its mark under "mark".

    What Pydantic does not know says nothing, as PEP 593 has it; what is code of somebody's is listed by
    `Contract.checked_after`, or a ContractError where it may read something else than its type says.
    """
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, SaidMark | QuoteMark | ScratchpadMark):
            found["mark"] = item
        elif isinstance(item, UuidVersion):
            found = both(found, {"uuid_version": item.uuid_version}, where)
        elif isinstance(item, EncodedBytes | EncodedStr) and item.encoder in _BASE64:
            # Lengths that stand before it are of the text, those behind it of what is in it.
            lengths = (found.pop(name, None) for name in _LENGTHS)
            found = both(found, {"base64": (_BASE64[item.encoder], *lengths)}, where)
        elif isinstance(item, UrlConstraints):
            found = both(found, {"url": item}, where)
        elif isinstance(item, FieldInfo):
            found = both(found, limits_of(item.metadata, where) | _tag(item.discriminator), where)
        elif isinstance(item, GroupedMetadata):
            found = both(found, limits_of(item, where), where)
        elif isinstance(item, _LIMITS) or type(item).__name__ == "_PydanticGeneralMetadata":
            # The latter is pydantic's own carrier of decimal_places, pattern, …
            names = item.__slots__ if isinstance(item, _LIMITS) else vars(item)
            given = {name: getattr(item, name) for name in names if name not in _NOTHING}
            found = both(found, {name: limit for name, limit in given.items() if limit is not None}, where)
        elif isinstance(item, Discriminator):
            found = both(found, _tag(item), where)
        elif unknown(item):
            raise ContractError(
                f"{where} is annotated with {type_name(item) if isinstance(item, type) else type(item).__name__}, "
                "which a grammar cannot enforce.",
                "Leave it out: what a model writes is JSON already."
                if type(item) is Json
                else "Remove it, and check it in a @field_validator or a guardrail instead.",
            )
    return found


def _tag(discriminator: str | Discriminator | None) -> dict[str, Any]:
    """The name of the field that tells the kinds of a union apart, which has to be written."""
    name = discriminator.discriminator if isinstance(discriminator, Discriminator) else discriminator
    return {"tag": name} if isinstance(name, str) else {}


def both(some: dict[str, Any], others: dict[str, Any], where: str) -> dict[str, Any]:
    """Limits from two places. ContractError where they differ."""
    for name in some.keys() & others.keys():
        if some[name] != others[name]:
            raise ContractError(f"{where} sets {name} twice.", "Keep one of them.")
    return some | others
