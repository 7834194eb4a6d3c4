"""Unenforced: what of a contract no grammar enforces, so that it is checked after a text is finished.

Knows Pydantic's custom validators and what sets do to repeated items. Does not know grammars.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Not, Predicate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    InstanceOf,
    OnErrorOmit,
    PlainSerializer,
    PlainValidator,
    RootModel,
    SerializeAsAny,
    SkipValidation,
    Tag,
    UrlConstraints,
    WrapSerializer,
    WrapValidator,
)
from pydantic.fields import FieldInfo
from pydantic.types import PathType, UuidVersion

from models.grammar.fragments import choice, subset
from models.grammar.fragments.annotation import is_alias, named, plainer
from models.grammar.fragments.kinds import CHECKED, own_type
from models.grammar.fragments.members import class_of, has_members, members, places
from models.grammar.fragments.pattern import alternatives
from models.said import QuoteMark, SaidMark, ScratchpadMark

CUSTOM = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator, Predicate, Not)
"""Validators of a user's own inside an annotation: code, which no grammar can follow."""

_KNOWN = (
    *(*CUSTOM, PathType, SaidMark, QuoteMark, ScratchpadMark, UrlConstraints, UuidVersion),
    *(PlainSerializer, WrapSerializer, SerializeAsAny),  # how a value is written
    *(
        Discriminator,
        Tag,
        InstanceOf,
        SkipValidation,
        get_args(OnErrorOmit)[1],
    ),  # all of these read JSON of the type
)
_POST_INIT = BaseModel.model_post_init

_UNIQUE: dict[Any, str] = {
    **dict.fromkeys((set, frozenset), "repeated items are dropped"),
    dict: "the last of repeated keys counts",
}


@lru_cache(maxsize=512)  # it is asked for every answer
def checked_after(contract: type[Any]) -> tuple[str, ...]:
    """One name for each custom validator of `contract` and of the contracts inside it; one for each set or dict whose
    items or keys may repeat, since Pydantic drops repetitions silently."""
    return tuple(dict.fromkeys(_of_contract(contract, (), "", set())))


def _of_contract(contract: Any, within: tuple[Any, ...], prefix: str, seen: set[Any]) -> Iterator[str]:
    held = getattr(contract, "__kind__", None)  # of a class that only holds a value of another one
    if held is not None:
        yield from _of_contract(held, (), prefix, seen)
    if contract in seen or held is not None:
        return
    seen.add(contract)
    custom = getattr(contract, "__pydantic_decorators__", None)
    kinds = ("field_validators", "model_validators", "validators", "root_validators")
    yield from (f"{prefix}{name}" for kind in kinds for name in getattr(custom, kind, ()))
    yield from (f"{prefix}{name}" for name in _own_code(class_of(contract)))
    for member in members(contract):
        yield from (f"{prefix}{member.name}: {told}" for item in member.metadata for told in beyond(item))
        yield from _of_annotation(member.annotation, (*within, contract), f"{prefix}{member.name}", seen)


def _own_code(kind: Any) -> Iterator[str]:
    """The methods of a class that Pydantic calls while it reads one, and that may refuse it."""
    if dataclasses.is_dataclass(kind):
        yield from ["__post_init__"] if hasattr(kind, "__post_init__") else []
    if not issubclass(kind, BaseModel):
        return
    if kind.__get_pydantic_core_schema__.__func__ is not BaseModel.__get_pydantic_core_schema__.__func__:  # type: ignore[attr-defined]
        yield "__get_pydantic_core_schema__"
    if getattr(kind, "__pydantic_custom_init__", False):
        yield "__init__"
    # Pydantic puts one of its own there for private attributes.
    if kind.model_post_init.__name__ != "init_private_attributes" and kind.model_post_init is not _POST_INIT:
        yield "model_post_init"


def _of_annotation(annotation: Any, within: tuple[Any, ...], where: str, seen: set[Any]) -> Iterator[str]:
    annotation = plainer(annotation, within)
    if is_alias(annotation):
        if annotation not in within:
            yield from _of_annotation(named(annotation), (*within, annotation), where, seen)
        return
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from (f"{where}: {told}" for item in annotation.__metadata__ for told in beyond(item))
        inner = inner[:1]
    if origin in _UNIQUE and not _distinct(inner[0]):
        yield f"{where}: {_UNIQUE[origin]}"
    if origin in (Literal, Callable):
        return
    if (told := CHECKED.get(origin or annotation)) is not None:
        yield f"{where}: {told}"
    if not has_members(annotation) and own_type(annotation) is not None:
        yield f"{where}: what {annotation.__name__} checks"
    if has_members(annotation) or (isinstance(annotation, type) and issubclass(annotation, RootModel)):
        yield from _of_contract(annotation, within, f"{annotation.__name__}.", seen)
        return
    if (kinds := places(annotation)) is not None and annotation not in within:
        inner, within = tuple(kind for kind, _ in kinds), (*within, annotation)
    for part in inner:
        yield from _of_annotation(part, within, where, seen)


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
    if isinstance(item, Discriminator) and not isinstance(item.discriminator, str):
        yield "which kind it is read as"
    if isinstance(item, PathType):
        yield f"what is at the path ({item.path_type})"
    for inside in getattr(item, "metadata", ()):  # of a Field within Annotated
        yield from beyond(inside)
    if isinstance(item, FieldInfo):
        yield from beyond(item.discriminator)
    pattern = getattr(item, "pattern", None)
    if isinstance(pattern, str | re.Pattern) and alternatives(pattern, "A text", "").loose:
        yield "what its pattern looks around for"


def unknown(item: Any) -> bool:
    """Whether something beside an annotation tells Pydantic, by code of its own, what to read."""
    kind = item if isinstance(item, type) else type(item)
    return hasattr(item, "__get_pydantic_core_schema__") and not issubclass(kind, _KNOWN)
