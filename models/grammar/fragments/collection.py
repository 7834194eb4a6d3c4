"""Collection: lists, sets, tuples and dicts as fragments. Knows their lengths; leaves what is in them to its caller.

Pydantic drops an item of a set that is equal to an earlier one, and a key of a dict that comes again. Where at least
two must remain, the grammar writes only what cannot be equal: options of a choice, in declared order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import AnyHttpUrl, AnyUrl, AwareDatetime, BaseModel, EmailStr, HttpUrl, IPvAnyAddress, NaiveDatetime

from models.errors import ContractError
from models.grammar.fragments import choice
from models.grammar.fragments.annotation import HASHABLE, is_alias, named, plainer
from models.grammar.fragments.builder import GrammarBuilder, NoText, closed, ordered, type_name
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.grammar.fragments.subset import OPTIONS, subset

ITEMS = 16
"""Items of a list, a set or a dict that does not say how many it may have."""

Inner = Callable[[Any, str], Fragment]
"""The fragment of an annotation at a place."""

_KEYS = {
    *(str, int, float, Decimal, date, time, datetime, AwareDatetime, NaiveDatetime, timedelta, UUID, EmailStr),
    *(AnyUrl, AnyHttpUrl, HttpUrl, IPv4Address, IPv6Address, IPvAnyAddress),
}


def items(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, inner: Inner) -> Fragment:
    """A list with bounded length."""
    least, most = _lengths(annotation, limits, where, "list", builder)
    return closed(_many(get_args(annotation)[0], least, most, where, builder, inner), limits, where)


def distinct(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, inner: Inner) -> Fragment:
    """A set or frozenset with bounded size: of a choice, any selection in declared order; else a list."""
    item = (get_args(annotation) or [None])[0]
    if item in (Any, object):
        item = HASHABLE
    values = choice.members(item, f"{where}[…]") if choice.is_choice(item) else None
    least, most = _lengths(annotation, limits, where, "set", builder, None if values is None else len(values))
    if kind := _unhashable(item):
        raise ContractError(
            f"{where} is a set of {type_name(item)}, but {kind} has no hash.", "Use list[…], or tuple[…] inside it."
        )
    if values and len(set(values.values())) == len(values) <= OPTIONS:
        found = subset([text_fragment(text) for text in values], least, most, "[]", builder)
        return closed(replace(found, bound=f"{least}–{most} of {' | '.join(values)}"), limits, where)
    _may_repeat(least, "the same item", f"Literal or Enum items, {OPTIONS} at most", where)
    return closed(_many(item, least, most, where, builder, inner), limits, where)


def fixed(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, inner: Inner) -> Fragment:
    """A tuple with one kind a place, or with many of one kind: tuple[int, ...]."""
    kinds = get_args(annotation)
    if not kinds and not hasattr(annotation, "__args__"):
        raise ContractError(f"{where} is a tuple of anything.", "Say what is in it: tuple[…].")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        least, most = _lengths(annotation, limits, where, "tuple", builder)
        return closed(_many(kinds[0], least, most, where, builder, inner), limits, where)
    least, most = limits.pop("min_length", 0), limits.pop("max_length", len(kinds))
    if not least <= len(kinds) <= most:
        raise ContractError(f"{where} has {len(kinds)} items, which its lengths forbid.", "Remove them.")
    parts = [text_fragment("[")]
    for place, kind in enumerate(kinds):
        parts += [*([builder.comma] if place else []), inner(kind, f"{where}[{place}]")]
    return closed(_grouped(sequence([*parts, text_fragment("]")]), f"{len(kinds)} items"), limits, where)


def mapping(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, inner: Inner) -> Fragment:
    """A dict with a bounded number of keys: of a choice, any selection in declared order; else of one kind."""
    kind, value = get_args(annotation) or (None, None)
    names = _key_names(kind, where) if choice.is_choice(kind) else None
    least, most = _lengths(annotation, limits, where, "dict", builder, None if names is None else len(names))
    try:
        content = inner(value, f"{where}[…]")
        named = builder.rule("value", content)
        if names is not None and len(names) <= OPTIONS:
            pairs = [sequence([text_fragment(name), builder.colon, named]) for name in names]
            found = subset(pairs, least, most, "{}", builder)
            bound = f"{least}–{most} of {' | '.join(names)}: {content.bound}"
            return closed(replace(found, bound=bound), limits, where)
        _may_repeat(least, "the same key", f"Literal or Enum keys, {OPTIONS} at most", where)
        key = builder.one_of("KEY", names) if names else _key(kind, where, inner)
    except NoText:
        if least:
            raise
        return closed(builder.empty("{}"), limits, where)
    pair = _grouped(sequence([key, builder.colon, named]), f"{key.bound}: {content.bound}")
    return closed(builder.items("pair", pair, least, most, "{}"), limits, where)


def _many(item: Any, least: int, most: float, where: str, builder: GrammarBuilder, inner: Inner) -> Fragment:
    try:
        return builder.items("item", inner(item, f"{where}[…]"), least, most)
    except NoText:
        if least:
            raise
        return builder.empty("[]")


def _lengths(
    annotation: Any,
    limits: dict[str, Any],
    where: str,
    name: str,
    builder: GrammarBuilder,
    options: int | None = None,
) -> tuple[int, float]:
    """The least and the most items: at most as many as there are `options`, or `ITEMS` where nothing says so."""
    if not get_args(annotation):
        raise ContractError(f"{where} is a {name} of anything.", f"Say what is in it: {name}[…] with max_length.")
    least, most = limits.pop("min_length", 0), limits.pop("max_length", options)
    if most is None:
        most = builder.end(where, max(ITEMS, least), "items")
    ordered(least, most, where)
    if options is not None and least > options:
        raise ContractError(f"{where} needs {least} different items of {options}.", "Lower its min_length.")
    return least, most


def _key(kind: Any, where: str, inner: Inner) -> Fragment:
    """A key of one kind in quotation marks."""
    base = plainer(kind)
    while get_origin(base) is Annotated or is_alias(base):
        base = named(base) if is_alias(base) else plainer(base.__origin__)
    if base in (Any, object) or (get_origin(base) in (Union, UnionType) and str in get_args(base)):
        kind = base = str  # a key is a text, and stays one where it may
    if base not in _KEYS:
        raise ContractError(
            f"{where} has keys of type {type_name(kind)}, which JSON cannot write exactly.",
            "Use str, int, date, UUID, a Literal or an Enum as keys.",
        )
    key = inner(kind, f"{where}.keys()")
    return key if base not in (int, float) else sequence([text_fragment('"'), key, text_fragment('"')])


def _key_names(kind: Any, where: str) -> list[str]:
    """The keys of a choice as JSON strings. ContractError for one that Pydantic does not read back."""
    found: dict[str, object] = {}
    for text, value in choice.members(kind, f"{where}.keys()").items():
        name = text if text.startswith('"') else f'"{text}"'
        if found.setdefault(name, value) != value or not choice.reads(dict[kind, int], f"{{{name}:0}}", {value: 0}):
            raise ContractError(
                f"{where} has the key {text}, which Pydantic does not read back from JSON.", "Use str as keys."
            )
    if len(set(found.values())) < len(found):
        raise ContractError(f"{where} has two keys that are equal in Python.", "Keep one of them.")
    return list(found)


def _may_repeat(least: int, what: str, instead: str, where: str) -> None:
    if least > 1:
        raise ContractError(
            f"{where} needs {least} different ones, but may be written with {what} twice.",
            f"Use {instead}, or a min_length of at most 1 and a guardrail.",
        )


def _unhashable(annotation: Any, seen: tuple[object, ...] = ()) -> str | None:
    """The name of a type within `annotation` whose values cannot be in a set, if there is one."""
    if annotation in seen:
        return None
    if annotation in (Any, object):
        return "a list"
    base = get_origin(annotation) or annotation
    parts: tuple[Any, ...] = get_args(annotation)
    if base is Annotated:
        parts = parts[:1]
    elif isinstance(base, type) and issubclass(base, BaseModel):
        parts = tuple(info.annotation for info in base.model_fields.values())
    elif isinstance(base, type) and base.__hash__ is None:
        return type_name(base)
    elif choice.is_choice(annotation):
        return None
    return next((found for part in parts if (found := _unhashable(part, (*seen, annotation)))), None)


def _grouped(fragment: Fragment, bound: str) -> Fragment:
    """A sequence that binds as one."""
    return replace(fragment, rule=f"({fragment.rule})", bound=bound)
