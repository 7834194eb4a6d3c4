"""Kinds: which type is written by which fragment. Knows types; knows no annotations around them."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path, PosixPath, PurePath, PurePosixPath
from typing import Any
from uuid import UUID

from pydantic import (
    AnyHttpUrl,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ByteSize,
    EmailStr,
    FutureDate,
    FutureDatetime,
    HttpUrl,
    IPvAnyAddress,
    NaiveDatetime,
    PastDate,
    PastDatetime,
)

from models.grammar.fragments import address, choice, collection, free, moment, number, text
from models.grammar.fragments.advice import advised
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment
from models.grammar.fragments.own_type import read_as

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
    IPv4Network: address.network4,
    IPv6Network: address.network6,
    IPv4Interface: address.interface4,
    IPv6Interface: address.interface6,
    ByteSize: number.natural,
    bytes: text.octets,
    **dict.fromkeys((PurePath, Path, PurePosixPath, PosixPath), text.string),
    re.Pattern: text.string,
    **dict.fromkeys((PastDate, FutureDate), moment.day),
    **dict.fromkeys((PastDatetime, FutureDatetime), moment.moment),
    Any: free.anything,
    object: free.anything,
}
COLLECTIONS: dict[object, Callable[[Any, dict[str, Any], str, GrammarBuilder, collection.Inner], Fragment]] = {
    list: collection.items,
    set: collection.distinct,
    frozenset: collection.distinct,
    tuple: collection.fixed,
    dict: collection.mapping,
}
CHECKED: dict[object, str] = {
    re.Pattern: "that it is a regular expression",
    **dict.fromkeys((PastDate, PastDatetime), "that it has passed"),
    **dict.fromkeys((FutureDate, FutureDatetime), "that it is to come"),
}
"""What Pydantic asks of a type's values that no grammar can."""


def own_type(annotation: Any) -> tuple[Any, dict[str, Any]] | None:
    """What a class that no fragment knows is read from, and its limits; None for any other, and where there is better
    advice."""
    if not isinstance(annotation, type) or annotation in SCALARS or address.url_of(annotation) is not None:
        return None
    if issubclass(annotation, (BaseModel, Enum)) or advised(annotation):
        return None
    kind: Any = annotation
    return read_as(kind)
