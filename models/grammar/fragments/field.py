"""Field: which annotation becomes which piece, and what to advise where none does.

Knows annotations and their constraints; does not know how any single kind is written (the neighbouring files do).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import BaseMetadata, GroupedMetadata
from pydantic import (
    AnyHttpUrl,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    EmailStr,
    HttpUrl,
    IPvAnyAddress,
    NaiveDatetime,
    UrlConstraints,
)
from pydantic.fields import FieldInfo
from pydantic.types import AllowInfNan, UuidVersion

from models.errors import ContractError
from models.grammar.fragments import address, choice, collection, moment, number, record, text
from models.grammar.fragments.advice import unsupported
from models.grammar.fragments.builder import GrammarBuilder, NoText, closed
from models.grammar.fragments.copied import quote_fragment, said_fragment
from models.grammar.fragments.fragment import Fragment, either, text_fragment
from models.grammar.unenforced import CUSTOM
from models.said import QuoteMark, SaidMark, ScratchpadMark

Scalar = Callable[[dict[str, Any], str, GrammarBuilder], Fragment]

SCALARS: dict[object, Scalar] = {
    str: text.string,
    bool: choice.boolean,
    types.NoneType: choice.nothing,
    None: choice.nothing,
    int: number.integer,
    float: number.float_,
    Decimal: number.decimal,
    date: moment.day,
    time: moment.clock,
    datetime: moment.moment,
    AwareDatetime: moment.aware_moment,
    NaiveDatetime: moment.naive_moment,
    timedelta: moment.duration,
    UUID: address.uuid,
    EmailStr: address.email,
    AnyUrl: address.any_url,
    AnyHttpUrl: address.any_web_url,
    HttpUrl: address.web_url,
    IPv4Address: address.ip4,
    IPv6Address: address.ip6,
    IPvAnyAddress: address.ip,
}
COLLECTIONS: dict[object, Callable[[Any, dict[str, Any], str, GrammarBuilder, collection.Inner], Fragment]] = {
    list: collection.items,
    Sequence: collection.items,
    set: collection.distinct,
    frozenset: collection.distinct,
    Set: collection.distinct,
    tuple: collection.fixed,
    dict: collection.mapping,
    Mapping: collection.mapping,
}


def fragment(
    annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, private: bool = False
) -> Fragment:
    """The piece of a field. `limits`: its constraints by name; `private`: it may be a Scratchpad."""
    while get_origin(annotation) is Annotated:
        limits = _both(limits_of(annotation.__metadata__, where), limits, where)
        annotation = annotation.__origin__
    limits.pop("strict", None)  # how the JSON is written already leaves no room for conversions
    mark = limits.pop("mark", None)
    if isinstance(mark, SaidMark):
        return closed(said_fragment(mark, where, builder), limits, where)
    if isinstance(mark, QuoteMark):
        return closed(quote_fragment(where, builder), limits, where)
    if isinstance(mark, ScratchpadMark):
        if not private:
            raise ContractError(f"{where} hides a Scratchpad inside another type.", "Declare it as plain Scratchpad.")
        return text.scratchpad(limits, where, builder)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union(annotation, limits, where, builder)
    if origin in COLLECTIONS:
        inner: collection.Inner = lambda kind, at: fragment(kind, {}, at, builder)  # noqa: E731
        return COLLECTIONS[origin](annotation, limits, where, builder, inner)
    if origin is Literal:
        return closed(choice.options(annotation, where, builder), limits, where)
    if isinstance(annotation, type) and annotation not in SCALARS:
        if issubclass(annotation, Enum):
            return closed(choice.options(annotation, where, builder), limits, where)
        if issubclass(annotation, BaseModel):
            return closed(record.nested(annotation, where, builder), limits, where)
    if annotation not in SCALARS:
        raise unsupported(annotation, where)
    return closed(SCALARS[annotation](limits, where, builder), limits, where)


def limits_of(metadata: Iterable[object], where: str) -> dict[str, Any]:
    """The constraints of a field by name (ge, max_length, decimal_places, …), and its mark under "mark"."""
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, SaidMark | QuoteMark | ScratchpadMark):
            found["mark"] = item
        elif isinstance(item, UuidVersion):
            found = _both(found, {"uuid_version": item.uuid_version}, where)
        elif isinstance(item, UrlConstraints):
            found = _both(found, {"url": item}, where)
        elif isinstance(item, FieldInfo):
            found = _both(found, limits_of(item.metadata, where), where)
        elif isinstance(item, GroupedMetadata):
            found = _both(found, limits_of(item, where), where)
        elif isinstance(item, BaseMetadata) and is_dataclass(item):
            given = {part.name: getattr(item, part.name) for part in fields(item)}
            found = _both(found, {name: limit for name, limit in given.items() if limit is not None}, where)
        elif type(item).__name__ == "_PydanticGeneralMetadata":  # pydantic's own carrier of decimal_places, pattern, …
            found = _both(found, {name: limit for name, limit in vars(item).items() if limit is not None}, where)
        elif isinstance(item, AllowInfNan):
            continue  # plain digits are finite anyway
        elif isinstance(item, CUSTOM):
            continue  # listed by Contract.checked_after
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


def _union(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Any one of several kinds. Limits belong to the only kind beside None, else to none of them."""
    kinds = get_args(annotation)
    rest = [kind for kind in kinds if kind is not types.NoneType]
    discriminator = limits.pop("discriminator", None)
    if discriminator is not None and not isinstance(discriminator, str):
        raise ContractError(
            f"{where} is told apart by a function, which no grammar can follow.",
            "Give discriminator=… the name of a Literal field.",
        )
    found, missing = [], None
    for kind in rest:
        try:
            found.append(fragment(kind, limits if len(rest) == 1 else {}, where, builder))
        except NoText as error:
            missing = error
    options = [*found, *([text_fragment("null")] if len(rest) < len(kinds) else [])]
    if not options:
        raise missing or unsupported(annotation, where)
    return closed(either(options), {} if len(rest) == 1 else limits, where)
