"""Record: a contract as a piece, a compact JSON object. Knows keys, order and nesting; leaves values to field.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from models.errors import ContractError
from models.grammar.fragments import field
from models.grammar.fragments.builder import Bound, GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.said import ScratchpadMark


def contract_fragment(contract: type[BaseModel], builder: GrammarBuilder) -> Fragment:
    """A compact JSON object with every field of `contract`, in declared order; a whole rule, to be named.

    A class that has no fields of its own to write, as one made of a JSON Schema, says so with a classmethod
    `__piece__(sheet)`.
    """
    own: Callable[[GrammarBuilder], Fragment] | None = getattr(contract, "__piece__", None)
    if own is not None:
        return own(builder)
    depth: int = getattr(contract, "__depth__", 0)
    if builder.within.count(contract) > depth:
        if depth:
            raise NoText(f"{contract.__name__} contains itself more than {depth} deep, and must.", "Allow None there.")
        raise ContractError(
            f"{contract.__name__} contains itself, so it has no longest text.",
            f"Say how deep: `class {contract.__name__}(Contract, depth=2)`, or nest a different class.",
        )
    inside = replace(builder, within=(*builder.within, contract))
    parts: list[Fragment] = []
    opening, public = "{", False
    for name, info in contract.model_fields.items():
        where = f"{contract.__name__}.{name}"
        private = any(isinstance(mark, ScratchpadMark) for mark in info.metadata)
        if private and (public or builder.within):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        value = field.fragment(info.annotation, field.limits_of(info.metadata, where), where, inside, private)
        quoted = json.dumps(key(name, info, where), ensure_ascii=False)
        parts += [text_fragment(opening), text_fragment(quoted), text_fragment(":"), value]
        bound = Bound(where, value.bound, value.longest)
        if bound not in builder.bounds:
            builder.bounds.append(bound)
        opening = ","
    parts += [text_fragment("{"), text_fragment("}")] if opening == "{" else [text_fragment("}")]
    return replace(sequence(parts), bound=contract.__name__)


def nested(contract: type[BaseModel], where: str, builder: GrammarBuilder) -> Fragment:
    """A contract inside another, under a name of its own."""
    if contract.model_config.get("extra") != "forbid":
        raise ContractError(f"{where} is a {contract.__name__}, which is no Contract.", "Derive it from Contract.")
    return builder.rule(contract.__name__, contract_fragment(contract, builder))


def key(name: str, info: FieldInfo, where: str) -> str:
    """The JSON key of a field: its alias where it has one, which must be the same for reading and writing."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    if alias is not None and not isinstance(alias, str):
        raise ContractError(f"{where} is read from a path inside other keys.", "Give it an alias that is one text.")
    written = info.serialization_alias or info.alias
    if (alias or written) and (written or name) != (alias or name):
        raise ContractError(
            f'{where} is read from "{alias or name}" but written as "{written or name}".',
            "Use alias=… alone, so that what was written can be read again.",
        )
    return alias or name
