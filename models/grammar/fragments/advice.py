"""Advice: what to write in place of a type that no grammar can enforce. Knows types that have no fragment."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
    Set,
)
from dataclasses import is_dataclass
from pathlib import Path
from re import Pattern
from typing import Any, TypeVar, get_origin

from pydantic import (
    FutureDate,
    FutureDatetime,
    Json,
    NameEmail,
    PastDate,
    PastDatetime,
    SecretBytes,
    SecretStr,
)

from models.errors import ContractError
from models.grammar.fragments.builder import type_name
from models.values.money import Money
from models.values.reading import readable

_FIELDS = ("_fields", "__required_keys__")  # of a NamedTuple, of a TypedDict
_NOW = "Use {}, and compare it with today's in a guardrail."
_LIST = "Say what is in it: list[…] with max_length."
_DICT = "Say what is in it: dict[…, …] with max_length."
_SET = "Say what is in it: set[…] with max_length."

_ADVICE: dict[object, str] = {
    **dict.fromkeys((list, Sequence, Iterable, Iterator, Generator, MutableSequence, deque), _LIST),
    **dict.fromkeys((dict, Mapping, MutableMapping, defaultdict, OrderedDict), _DICT),
    **dict.fromkeys((set, frozenset, Set, MutableSet), _SET),
    **dict.fromkeys((Any, object), "Say which type it is."),
    **dict.fromkeys((PastDate, FutureDate), _NOW.format("date")),
    **dict.fromkeys((PastDatetime, FutureDatetime), _NOW.format("AwareDatetime")),
    **dict.fromkeys((bytes, bytearray, Path, Pattern), "Use a str with max_length."),
    **dict.fromkeys((SecretStr, SecretBytes), "Use a str with max_length; the journal keeps what a model writes."),
    tuple: "Say what is in it: tuple[…].",
    complex: "Use two floats.",
    Json: "Nest a Contract: what a model writes is JSON already.",
    NameEmail: "Use a str for the name and an EmailStr.",
    Callable: "Use a Literal with the names of the functions.",
    Money: "Write Said[Money], so that code reads the amount.",
}


def unsupported(annotation: Any, where: str) -> ContractError:
    """The error for a type that has no fragment, with the smallest change that gives it one."""
    kind = get_origin(annotation) or annotation
    advice = _ADVICE.get(kind)
    if isinstance(kind, TypeVar):
        advice = f"Say which {kind.__name__}: subclass or use the class with its type in square brackets."
    elif advice is None and readable(kind):
        advice = f"Write Said[{type_name(kind)}], so that code reads it."
    elif advice is None and (is_dataclass(kind) or any(hasattr(kind, mark) for mark in _FIELDS)):
        advice = "Make it a Contract, with the same fields."
    return ContractError(
        f"{where} is {type_name(annotation)}, which no grammar can enforce.",
        advice or "Use str, int, float, bool, Decimal, date, Literal, an Enum, list, another Contract, Said or Quote.",
    )
