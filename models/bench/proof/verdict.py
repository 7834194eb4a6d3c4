"""Verdict: what a contract says to a finished text, and whether the grammar or the author's own code refused it.

Knows contracts and Pydantic's validation. Does not know grammars, nor who wrote the text.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import from_json

from models.bench.proof.twin import twin
from models.contract import Contract
from models.grammar.fragments.unenforced import beyond, checked_after
from models.held_value import HeldValue
from models.schema.json_value import JsonValue

Verdict = Literal["valid", "unparseable", "invalid", "refused_after"]
"""unparseable: no JSON. invalid: the contract's types and limits refuse it. refused_after: only its custom validators
do, which no grammar can follow."""


def judge(contract: type[BaseModel], text: str) -> tuple[Verdict, str]:
    """The verdict, and the reason for any but "valid"."""
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError as error:
        return "unparseable", str(error)
    try:
        contract.model_validate_json(text)
    except ValidationError as error:
        try:
            unchecked(contract).model_validate_json(text)
        except ValidationError as plain:
            return "invalid", _first(plain)
        return "refused_after", _first(error)
    return "valid", ""


@cache
def unchecked(contract: type[BaseModel]) -> type[BaseModel]:
    """`contract` without custom validators, in itself and in the contracts inside it; itself where it has none, and
    free of all that it asks for where its fields are those of a dataclass, a TypedDict or a JSON Schema."""
    if not checked_after(contract):
        return contract
    if issubclass(contract, JsonValue):
        return RootModel[Any]
    if issubclass(contract, HeldValue):
        kind = contract.__kind__
        return Contract.of(unchecked(kind)) if issubclass(kind, BaseModel) else RootModel[Any]
    return twin(contract, contract.model_config, lambda kind, marks: (kind, _without_custom(marks)))


def _without_custom(marks: list[Any]) -> list[Any]:
    return [mark for mark in marks if not any(beyond(mark))]


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
