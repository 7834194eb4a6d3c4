"""Checked: what of a contract no grammar enforces, so that it is checked after a text is finished.

Knows Pydantic's custom validators and what sets do to repeated items. Does not know grammars.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainValidator, WrapValidator

CUSTOM = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
"""Validators of a user's own inside an annotation: code, which no grammar can follow."""


def checked_after(contract: type[BaseModel]) -> tuple[str, ...]:
    """One name for each custom validator of `contract` and of the contracts inside it; one for each set of items that
    may repeat, since Pydantic drops repeated items silently."""
    return tuple(dict.fromkeys(_of_contract(contract, (), "")))


def _of_contract(contract: type[BaseModel], within: tuple[type[BaseModel], ...], prefix: str) -> Iterator[str]:
    if contract in within:
        return
    custom = contract.__pydantic_decorators__
    for kind in (custom.field_validators, custom.model_validators, custom.validators, custom.root_validators):
        yield from (f"{prefix}{name}" for name in kind)
    for name, info in contract.model_fields.items():
        yield from (f"{prefix}{name}: {_name(item)}" for item in info.metadata if isinstance(item, CUSTOM))
        yield from _of_annotation(info.annotation, (*within, contract), prefix, name)


def _of_annotation(annotation: Any, within: tuple[type[BaseModel], ...], prefix: str, field: str) -> Iterator[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from (f"{prefix}{field}: {_name(item)}" for item in annotation.__metadata__ if isinstance(item, CUSTOM))
    if origin in (set, frozenset) and not _finite(get_args(annotation)[0]):
        yield f"{prefix}{field}: repeated items are dropped"
    if origin is Literal:
        return
    for inner in get_args(annotation):
        yield from _of_annotation(inner, within, prefix, field)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _of_contract(annotation, within, f"{annotation.__name__}.")


def _finite(annotation: Any) -> bool:
    while get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    return get_origin(annotation) is Literal or annotation is bool or _is_enum(annotation)


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _name(item: Any) -> str:
    return str(getattr(item.func, "__name__", item.func))
