"""Annotation: what an annotation says in plainer words, as Pydantic reads it: aliases, new types and type variables by
what they stand for, collections that are kinds of lists, sets and dicts, and those that do not say what is in them.

Knows Python's typing; knows no grammar.
"""

from __future__ import annotations

import re
import sys
import typing
from collections import Counter, OrderedDict, abc, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, ForwardRef, NewType, Self, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import JsonValue

from models.errors import ContractError

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
_LISTS = (abc.MutableSequence, abc.Sequence, deque)
_SETS = (abc.Set, abc.MutableSet)
_DICTS = (abc.Mapping, abc.MutableMapping, defaultdict, OrderedDict)
_PLAIN: dict[Any, Any] = {
    **dict.fromkeys(_LISTS, list),
    **dict.fromkeys(_SETS, set),
    **dict.fromkeys(_DICTS, dict),
}
HASHABLE = str | int | float | bool | None
"""What a set that does not say what is in it holds: a list or an object has no hash."""
_OF_ANYTHING: dict[Any, Any] = {
    list: list[Any],
    dict: dict[str, Any],
    tuple: tuple[Any, ...],
    set: set[HASHABLE],
    frozenset: frozenset[HASHABLE],
}


def is_alias(annotation: Any) -> bool:
    """Whether it is a name that somebody gave to a type, `type Name = …`, which may lead back into itself."""
    return annotation is not JsonValue and isinstance(get_origin(annotation) or annotation, _ALIASES)


def named(alias: Any) -> Any:
    """What an alias stands for, with its type parameters put in their places."""
    origin = get_origin(alias) or alias
    try:
        value = resolved(origin.__value__, origin.__module__)
    except NameError as error:
        told = f"{alias} names a type that does not exist: {error}."
        raise ContractError(told, "Define it in its module.") from error
    return substituted(value, dict(zip(origin.__type_params__, get_args(alias), strict=False)))


def plainer(annotation: Any, within: Sequence[Any] = ()) -> Any:
    """The same type in plainer words; itself where there are none. `within`: what it stands inside of, outermost
    first. An alias stays one."""
    while (found := _step(annotation, within)) is not annotation:
        annotation = found
    return annotation


def _step(annotation: Any, within: Sequence[Any]) -> Any:
    if annotation is JsonValue:
        return Any
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    if isinstance(annotation, TypeVar):
        return _unbound(annotation)
    classes = [kind for kind in reversed(within) if hasattr(kind, "__module__")]
    if isinstance(annotation, str | ForwardRef):
        return _found(annotation, classes)
    if annotation in (Self, typing_extensions.Self) and classes:
        return classes[0]
    if (ref := getattr(annotation, "type_ref", None)) is not None:  # pydantic's, of a generic class within itself
        return next((kind for kind in classes if _is_of(kind, ref)), annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    kind = origin or annotation
    if kind is re.Pattern:
        return re.Pattern
    if kind is Counter:
        return dict[(*(inner or (str,)), int)]  # type: ignore[misc]
    plain = _PLAIN.get(kind, kind) if isinstance(kind, type) else kind
    if not inner and isinstance(plain, type) and plain in _OF_ANYTHING and not hasattr(annotation, "__args__"):
        return _OF_ANYTHING[plain]
    return annotation if plain is kind else plain[inner]


def _found(annotation: Any, classes: Sequence[Any]) -> Any:
    """What a name stands for in the module of the nearest class that knows it; itself where none does."""
    for kind in classes:
        try:
            return resolved(annotation, kind.__module__)
        except NameError:
            continue
    return annotation


def _is_of(kind: Any, ref: str) -> bool:
    """Whether a reference of pydantic's, "module.Name:number[…]", is one to this class."""
    generic = getattr(kind, "__pydantic_generic_metadata__", {}).get("origin")
    return generic is not None and ref.startswith(f"{generic.__module__}.{generic.__qualname__}:")


def resolved(annotation: Any, module: str | None) -> Any:
    """An annotation with the names in it, which may be text, looked up in a module."""
    names = vars(sys.modules[module]) if module in sys.modules else {}
    holder = type("Holder", (), {"__annotations__": {"it": annotation}, "__module__": module or ""})
    return typing_extensions.get_type_hints(holder, names, names, include_extras=True)["it"]


def substituted(annotation: Any, types: Mapping[Any, Any]) -> Any:
    """An annotation with types in place of type variables."""
    if isinstance(annotation, TypeVar):
        return types.get(annotation, annotation)
    free = getattr(annotation, "__parameters__", ())
    if not types or not free or (isinstance(annotation, type) and get_origin(annotation) is None):
        return annotation
    return annotation[tuple(types.get(each, each) for each in free)]


def _unbound(variable: TypeVar) -> Any:
    """What a type variable that was given no type means to Pydantic: its default, its types, its bound, or anything."""
    if getattr(variable, "has_default", lambda: False)():
        return variable.__default__  # type: ignore[attr-defined]
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007 (a value)
    return Any if variable.__bound__ is None else variable.__bound__
