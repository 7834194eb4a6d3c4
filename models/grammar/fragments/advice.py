"""Advice: what to write in place of a type that no grammar can enforce. Knows types that have no fragment."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_origin

from pydantic import ConfigDict, Json, NameEmail, PydanticUserError, SecretBytes, SecretStr, TypeAdapter

from models.errors import ContractError
from models.grammar.fragments.builder import NoJson, type_name
from models.values.money import Money
from models.values.reading import readable

_LIST = "Write list[…] or Sequence[…]: what Pydantic makes of this can be gone through once, and is empty after."
_SECRET = "Use a str with max_length: Pydantic writes asterisks only, and the journal keeps what a model writes."

_ADVICE: dict[object, str] = {
    **dict.fromkeys((Iterable, Iterator, Generator), _LIST),
    **dict.fromkeys((SecretStr, SecretBytes), _SECRET),
    complex: "Use two floats.",
    Json: "Nest a Contract: what a model writes is JSON already.",
    NameEmail: "Use a str for the name and an EmailStr.",
    Callable: "Use a Literal with the names of the functions.",
    Money: "Write Said[Money], so that code reads the amount.",
}


def advised(annotation: Any) -> bool:
    """Whether there is something better to write than what a class is read from."""
    return annotation in _ADVICE or readable(annotation)


def _read_from_nothing(annotation: Any) -> bool:
    """Whether Pydantic asks whether a value is there already: no JSON is one."""
    try:
        schema = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True)).core_schema
    except (PydanticUserError, NameError, TypeError):
        return False
    return schema["type"] in ("callable", "is-instance", "is-subclass")


def unsupported(annotation: Any, where: str) -> ContractError:
    """The error for a type that has no fragment, with the smallest change that gives it one."""
    kind = get_origin(annotation) or annotation
    advice = _ADVICE.get(kind)
    if advice is None and readable(kind):
        advice = f"Write Said[{type_name(kind)}], so that code reads it."
    elif advice is None and is_dataclass(kind):
        advice = "Make it a Contract, with the same fields."
    kind_of_error = NoJson if _read_from_nothing(annotation) else ContractError
    return kind_of_error(
        f"{where} is {type_name(annotation)}, which no grammar can enforce.",
        advice or "Use str, int, float, bool, Decimal, date, Literal, an Enum, list, another Contract, Said or Quote.",
    )
