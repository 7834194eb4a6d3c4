"""Choice: truth values, nothing, Literals and Enums as fragments. Knows the JSON form of each option."""

from __future__ import annotations

import json
from enum import Enum, Flag
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder, type_name
from models.grammar.fragments.fragment import Fragment, text_fragment


def boolean(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """true or false."""
    return builder.one_of("BOOL", ["true", "false"])


def nothing(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """null."""
    return text_fragment("null")


def options(annotation: Any, where: str, builder: GrammarBuilder) -> Fragment:
    """Any one of the values of a Literal or an Enum, each written as JSON."""
    return builder.one_of("CHOICE", list(members(annotation, where)))


def is_choice(annotation: Any) -> bool:
    """Whether `members` knows all values of the type: a Literal, an Enum or bool."""
    return get_origin(annotation) is Literal or (
        isinstance(annotation, type) and (annotation is bool or issubclass(annotation, Enum))
    )


def members(annotation: Any, where: str) -> dict[str, object]:
    """The values of a Literal, an Enum or bool by their JSON, in declared order.

    ContractError for one that Pydantic does not read back from its JSON.
    """
    if annotation is bool:
        return {"true": True, "false": False}
    if isinstance(annotation, type) and issubclass(annotation, Flag):
        raise ContractError(
            f"{where} is {type_name(annotation)}, a Flag, whose combined numbers say nothing to a model.",
            "Use a plain Enum, or a set of one.",
        )
    values = get_args(annotation) if get_origin(annotation) is Literal else tuple(annotation)
    if not values:
        raise ContractError(f"{where} offers nothing to choose from.", "Add a member.")
    found: dict[str, object] = {}
    for value in values:
        text = _json(value)
        if text is None or not reads(annotation, text, value):
            raise ContractError(
                f"{where} offers {value.value if isinstance(value, Enum) else value!r}, which has no exact JSON form.",
                "Use str, int or bool values, or the whole Enum.",
            )
        found.setdefault(text, value)
    return found


def reads(annotation: Any, text: str, value: object) -> bool:
    """Whether Pydantic reads the JSON `text` as `value` of this type."""
    try:
        return bool(_adapter(annotation).validate_json(text) == value)
    except ValidationError:
        return False


@lru_cache(256)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _json(value: object) -> str | None:
    plain = value.value if isinstance(value, Enum) else value
    if not isinstance(plain, str | int | float | None):
        return None
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return None
