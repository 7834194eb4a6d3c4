"""Record: a contract as a fragment, a JSON object, and its fields: which annotation becomes which fragment, and
what to advise where none does.

Knows keys, order, nesting and annotations; does not know how any single kind is written (the neighbouring files do).
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import is_dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import (
    AnyHttpUrl,
    AnyUrl,
    AwareDatetime,
    EmailStr,
    HttpUrl,
    IPvAnyAddress,
    NaiveDatetime,
    RootModel,
)
from typing_extensions import is_typeddict

from models.errors import ContractError
from models.grammar.fragments import address, choice, collection, free, moment, number, text
from models.grammar.fragments.advice import unsupported
from models.grammar.fragments.builder import Bound, GrammarBuilder, NoText, closed
from models.grammar.fragments.copied import quote_fragment, said_fragment
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment
from models.grammar.fragments.limits import both, limits_of
from models.grammar.fragments.members import has_members, marked, text_limits
from models.grammar.fragments.members import members as read_members
from models.said import QuoteMark, SaidMark, ScratchpadMark
from models.values.reading import readable

DEPTH = 2
"""How often a class may stand within itself that does not say how deep it goes."""

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
    Any: free.anything,
    object: free.anything,
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


def contract_fragment(contract: type[Any], builder: GrammarBuilder) -> Fragment:
    """A JSON object with every field of a model, a dataclass or a TypedDict, in declared order; a whole rule, to be
    named. Fields that may be left out are a TypedDict's that are not required, and those with a default where the
    class or the builder says `omit`.

    A class that has no fields of its own to write, as one made of a JSON Schema, says so with a classmethod
    `__fragment__(builder)`. ContractError for all that cannot be enforced, a line each.
    """
    own: Callable[[GrammarBuilder], Fragment] | None = getattr(contract, "__fragment__", None)
    if own is not None:
        return own(builder)
    depth: int | None = getattr(contract, "__depth__", None)
    if contract in builder.within and depth is None and builder.open:
        return Fragment(builder.recursive.setdefault(contract, f"r_again_{len(builder.recursive)}"), inf)
    if contract in builder.within and depth is None:
        builder.end(contract.__name__, DEPTH, "deep")
    if builder.within.count(contract) > (DEPTH if depth is None else depth):
        raise NoText(f"{contract.__name__} contains itself, and must, so that it has no end.", "Allow None there.")
    inside = replace(builder, within=(*builder.within, contract), texts=text_limits(contract))
    pairs: list[tuple[Fragment, bool]] = []
    refused: list[ContractError] = []
    public = False
    for member in read_members(contract):
        where = f"{contract.__name__}.{member.name}"
        private = marked(member.metadata, ScratchpadMark)
        if private and (public or builder.within):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        omit = member.optional and (is_typeddict(contract) or inside.omit or getattr(contract, "__omit__", False))
        try:
            value = field_fragment(member.annotation, limits_of(member.metadata, where), where, inside, private)
        except NoText:
            if not omit:
                raise
            continue
        except ContractError as error:
            refused.append(error)
            continue
        quoted = json.dumps(member.key, ensure_ascii=False)
        pairs.append((sequence([text_fragment(quoted), builder.colon, value]), omit))
        bound = Bound(where, value.bound, value.longest)
        if bound not in builder.bounds:
            builder.bounds.append(bound)
    if refused:
        raise all_of(refused)
    whole = replace(_object(pairs, inside), bound=contract.__name__)
    if contract in builder.recursive and contract not in builder.within:
        builder.rules[builder.recursive[contract]] = whole.rule
        return Fragment(builder.recursive[contract], inf, contract.__name__)
    return whole


def _object(pairs: list[tuple[Fragment, bool]], builder: GrammarBuilder) -> Fragment:
    """Key and value pairs in their order, with commas, in braces; those marked True may be left out."""
    if not any(omit for _, omit in pairs):
        parts = [text_fragment("{"), text_fragment("}")]
        for number, (pair, _) in enumerate(pairs):
            parts[-1:] = [*([builder.comma] if number else []), pair, parts[-1]]
        return sequence(parts)
    follows = {True: '"}"', False: '"}"'}  # what may stand here, where something was written before and where not
    for pair, omit in reversed(pairs):
        taken = f"{pair.rule} {follows[True]}"
        rows = {True: [f"{builder.comma.rule} {taken}"], False: [taken]}
        for some, row in rows.items():
            row += [follows[some]] if omit else []
        follows = {some: builder.rule("fields", Fragment(" | ".join(row), 0)).rule for some, row in rows.items()}
    return Fragment(f'"{{" {follows[False]}', sum(pair.longest + builder.comma.longest for pair, _ in pairs) + 2)


def nested(contract: type[Any], builder: GrammarBuilder) -> Fragment:
    """A contract inside another, under a name of its own."""
    return builder.rule(contract.__name__, contract_fragment(contract, builder))


def all_of(refused: list[ContractError]) -> ContractError:
    """What was refused as one error, a line for each."""
    if len(refused) == 1:
        return refused[0]
    return ContractError("\n".join(dict.fromkeys(map(str, refused))), "")


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
        if issubclass(annotation, RootModel):
            root = annotation.model_fields["root"]
            rooted = both(limits_of(root.metadata, where), limits, where)
            return field_fragment(root.annotation, rooted, where, replace(builder, texts=text_limits(annotation)))
        if has_members(annotation) and not (is_dataclass(annotation) and readable(annotation)):
            return closed(nested(annotation, builder), limits, where)
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
