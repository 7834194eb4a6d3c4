"""Record: a contract as a fragment, a JSON object, and its fields: which annotation becomes which fragment, and
what to advise where none does.

Knows keys, order, nesting and annotations; does not know how any single kind is written (the neighbouring files do).
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import (
    AliasChoices,
    AnyHttpUrl,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    EmailStr,
    HttpUrl,
    IPvAnyAddress,
    NaiveDatetime,
)
from pydantic.fields import FieldInfo

from models.errors import ContractError
from models.grammar.fragments import address, choice, collection, moment, number, text
from models.grammar.fragments.advice import unsupported
from models.grammar.fragments.builder import Bound, GrammarBuilder, NoText, closed
from models.grammar.fragments.copied import quote_fragment, said_fragment
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment
from models.grammar.fragments.limits import both, limits_of
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


def contract_fragment(contract: type[BaseModel], builder: GrammarBuilder) -> Fragment:
    """A JSON object with every field of `contract`, in declared order; a whole rule, to be named.

    A class that has no fields of its own to write, as one made of a JSON Schema, says so with a classmethod
    `__fragment__(builder)`.
    """
    own: Callable[[GrammarBuilder], Fragment] | None = getattr(contract, "__fragment__", None)
    if own is not None:
        return own(builder)
    depth: int = getattr(contract, "__depth__", 0)
    if builder.within.count(contract) > depth:
        if depth:
            raise NoText(f"{contract.__name__} contains itself more than {depth} deep, and must.", "Allow None there.")
        raise ContractError(
            f"{contract.__name__} contains itself, so it has no longest text.",
            f"Say how deep: `class {contract.__name__}(Contract, depth=2)`, or nest a different class.",
        )
    inside = replace(builder, within=(*builder.within, contract))
    parts: list[Fragment] = []
    opening, public = text_fragment("{"), False
    for name, info in contract.model_fields.items():
        where = f"{contract.__name__}.{name}"
        private = any(isinstance(mark, ScratchpadMark) for mark in info.metadata)
        if private and (public or builder.within):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        value = field_fragment(info.annotation, limits_of(info.metadata, where), where, inside, private)
        quoted = json.dumps(key(name, info, where), ensure_ascii=False)
        parts += [opening, text_fragment(quoted), builder.colon, value]
        bound = Bound(where, value.bound, value.longest)
        if bound not in builder.bounds:
            builder.bounds.append(bound)
        opening = builder.comma
    parts += [text_fragment("}")] if parts else [opening, text_fragment("}")]
    return replace(sequence(parts), bound=contract.__name__)


def nested(contract: type[BaseModel], where: str, builder: GrammarBuilder) -> Fragment:
    """A contract inside another, under a name of its own."""
    if contract.model_config.get("extra") != "forbid":
        raise ContractError(f"{where} is a {contract.__name__}, which is no Contract.", "Derive it from Contract.")
    return builder.rule(contract.__name__, contract_fragment(contract, builder))


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


def field_fragment(
    annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, private: bool = False
) -> Fragment:
    """The fragment of a field. `limits`: its constraints by name; `private`: it may be a Scratchpad."""
    while get_origin(annotation) is Annotated:
        limits = both(limits_of(annotation.__metadata__, where), limits, where)
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
        inner: collection.Inner = lambda kind, at: field_fragment(kind, {}, at, builder)  # noqa: E731
        return COLLECTIONS[origin](annotation, limits, where, builder, inner)
    if origin is Literal:
        return closed(choice.options(annotation, where, builder), limits, where)
    if isinstance(annotation, type) and annotation not in SCALARS:
        if issubclass(annotation, Enum):
            return closed(choice.options(annotation, where, builder), limits, where)
        if issubclass(annotation, BaseModel):
            return closed(nested(annotation, where, builder), limits, where)
    if annotation not in SCALARS:
        raise unsupported(annotation, where)
    return closed(SCALARS[annotation](limits, where, builder), limits, where)


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
            found.append(field_fragment(kind, limits if len(rest) == 1 else {}, where, builder))
        except NoText as error:
            missing = error
    options = [*found, *([text_fragment("null")] if len(rest) < len(kinds) else [])]
    if not options:
        raise missing or unsupported(annotation, where)
    return closed(either(options), {} if len(rest) == 1 else limits, where)
