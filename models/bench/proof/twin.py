"""Twin: a contract's fields in a class of another kind, with some of the marks on its annotations changed.

Knows how annotations nest. Does not know why a twin is wanted.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from copy import copy
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model

Change = Callable[[Any, list[Any]], tuple[Any, list[Any]]]
"""From an annotation and its metadata to those of the twin."""


def twin(contract: type[BaseModel], config: ConfigDict, change: Change) -> type[BaseModel]:
    """A class with the fields of `contract`, changed there and in the contracts inside it, without its validators."""
    fields: dict[str, Any] = {}
    for name, info in contract.model_fields.items():
        plain = copy(info)
        kind, plain.metadata = change(info.annotation, info.metadata)
        plain.annotation = _changed(kind, contract, config, change)
        fields[name] = (plain.annotation, plain)
    return create_model(contract.__name__, __config__=config, **fields)


def _changed(annotation: Any, within: type[BaseModel], config: ConfigDict, change: Change) -> Any:
    if annotation is within:
        return ForwardRef(within.__name__)  # the twin that is being made
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, marks = change(annotation.__origin__, list(annotation.__metadata__))
        kind = _changed(kind, within, config, change)
        return Annotated[(kind, *marks)] if marks else kind
    if origin in (Union, types.UnionType):
        return Union[tuple(_changed(kind, within, config, change) for kind in inner)]  # noqa: UP007 (a value)
    if origin is not None and origin is not Literal:
        return origin[tuple(kind if kind is ... else _changed(kind, within, config, change) for kind in inner)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return twin(annotation, config, change)
    return annotation
