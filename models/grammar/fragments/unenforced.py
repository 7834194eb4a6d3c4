"""Unenforced: what of a contract no grammar enforces, so that it is checked after a text is finished.

Knows Pydantic's custom validators and what sets do to repeated items. Does not know grammars.
"""

from __future__ import annotations

import re
from collections import abc
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WrapValidator

from models.grammar.fragments import choice, subset
from models.grammar.fragments.members import has_members, members
from models.grammar.fragments.pattern import alternatives

CUSTOM = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
"""Validators of a user's own inside an annotation: code, which no grammar can follow."""


_UNIQUE: dict[Any, str] = {
    **dict.fromkeys((set, frozenset, abc.Set), "repeated items are dropped"),
    **dict.fromkeys((dict, abc.Mapping), "the last of repeated keys counts"),
}


@lru_cache(maxsize=512)  # it is asked for every answer
def checked_after(contract: type[Any]) -> tuple[str, ...]:
    """One name for each custom validator of `contract` and of the contracts inside it; one for each set or dict whose
    items or keys may repeat, since Pydantic drops repetitions silently."""
    return tuple(dict.fromkeys(_of_contract(contract, (), "")))


def _of_contract(contract: Any, within: tuple[Any, ...], prefix: str) -> Iterator[str]:
    held = getattr(contract, "__kind__", None)  # of a class that only holds a value of another one
    if held is not None:
        yield from _of_contract(held, within, prefix)
    if contract in within or held is not None:
        return
    custom = getattr(contract, "__pydantic_decorators__", None)
    kinds = ("field_validators", "model_validators", "validators", "root_validators")
    yield from (f"{prefix}{name}" for kind in kinds for name in getattr(custom, kind, ()))
    for member in members(contract):
        yield from (f"{prefix}{member.name}: {told}" for item in member.metadata for told in beyond(item))
        yield from _of_annotation(member.annotation, (*within, contract), prefix, member.name)


def _of_annotation(annotation: Any, within: tuple[Any, ...], prefix: str, field: str) -> Iterator[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from (f"{prefix}{field}: {told}" for item in annotation.__metadata__ for told in beyond(item))
    if origin in _UNIQUE and not _distinct(get_args(annotation)[0]):
        yield f"{prefix}{field}: {_UNIQUE[origin]}"
    if origin is Literal:
        return
    for inner in get_args(annotation):
        yield from _of_annotation(inner, within, prefix, field)
    if has_members(annotation):
        yield from _of_contract(annotation, within, f"{annotation.__name__}.")


def _distinct(annotation: Any) -> bool:
    """Whether the grammar writes each of these items or keys once at most: few choices, in declared order."""
    if not choice.is_choice(annotation):
        return False
    members = choice.members(annotation, "an item")
    return len(set(members.values())) == len(members) <= subset.OPTIONS


def beyond(item: Any) -> Iterator[str]:
    """What of one thing beside an annotation no grammar enforces."""
    if isinstance(item, CUSTOM):
        yield str(getattr(item.func, "__name__", item.func))
    for inside in getattr(item, "metadata", ()):  # of a Field within Annotated
        yield from beyond(inside)
    pattern = getattr(item, "pattern", None)
    if isinstance(pattern, str | re.Pattern) and alternatives(pattern, "A text", "").loose:
        yield "what its pattern looks around for"
