"""Contract: what a model may say between two nodes, checked when the class is defined.

Knows its fields, its draft and its hash. Does not know how text is generated.
"""

from __future__ import annotations

import warnings
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Optional

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from models.errors import ContractError
from models.grammar.fragments.unenforced import CUSTOM, checked_after
from models.grammar.grammar import compile_grammar
from models.said import ScratchpadMark

if TYPE_CHECKING:
    from models.schema.bounds import Bounds
    from models.schema.schema_folder import SchemaFile

__all__ = ["Contract", "ContractError"]

# With these in place of the real texts, a grammar depends on the class alone.
_PLACEHOLDER: dict[str, Any] = {"said": ["Any words."], "evidence": ["Any sentence."]}
_HARMLESS = {
    *("extra", "frozen", "title", "json_schema_extra", "use_attribute_docstrings", "arbitrary_types_allowed", "strict"),
    *("str_strip_whitespace", "str_to_lower", "str_to_upper", "str_min_length", "str_max_length", "regex_engine"),
    *("alias_generator", "populate_by_name", "validate_by_name", "validate_by_alias", "serialize_by_alias"),
}


# Pydantic warns of a field that is called as a method of its base; `of` is none that a contract has, see ContractType.
warnings.filterwarnings("ignore", 'Field name "of" in .* shadows an attribute', UserWarning)


class ContractType(type(BaseModel)):  # type: ignore[misc]
    """What makes contracts. Gives `Contract` a method that is no attribute of a contract: a field may be called so."""

    def __getattr__(cls, name: str) -> Any:
        if name == "of" and cls.__module__ == __name__:
            return _of
        return super().__getattr__(name)


_type: Any = ContractType  # type checkers take pydantic's own for the metaclass


class Contract(BaseModel, metaclass=_type):  # type: ignore[metaclass]
    """Subclass it and declare fields; a field that no grammar can enforce is a ContractError at once.

    Fields: Scratchpad (first), Quote, Said[T], str, int, float, bool, date, Literal, Enum, Decimal, list, another
    Contract or model, and unions of these. A class that contains itself may say how deep: `class Tree(Contract,
    depth=2)`; one whose fields may be left out where they have a default: `class Patch(Contract, omit=True)`. One with
    type parameters compiles when they are given: `Page[Item]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)
    # Without annotations, which pydantic evaluates anew for every subclass.
    __depth__ = None  # type: int | None
    __omit__ = False

    def __init_subclass__(cls, *, depth: int | None = None, omit: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__omit__ |= omit
        if depth is not None:
            cls.__depth__ = depth

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        for own in ("depth", "omit"):
            kwargs.pop(own, None)
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.__pydantic_complete__:
            raise ContractError(f"{cls.__name__} names a type that does not exist yet.", "Define that type above it.")
        if cls.model_config.get("extra") != "forbid" or not cls.model_config.get("frozen"):
            raise ContractError(
                f"{cls.__name__} must forbid extra fields and be frozen.", "Remove it from model_config."
            )
        for option in sorted(cls.model_config.keys() - _HARMLESS):
            raise ContractError(
                f"{cls.__name__} sets {option}, which changes what Pydantic accepts.", "Remove it from model_config."
            )
        if not cls.__pydantic_generic_metadata__["parameters"]:
            compile_grammar(cls, **_PLACEHOLDER)

    @classmethod
    def from_json_schema(
        cls,
        schema: dict[str, Any] | bool,
        name: str = "JsonValue",
        bounds: Bounds | None = None,
        *,
        proven: bool = False,
        strict: bool = False,
        file: SchemaFile | None = None,
    ) -> type[Contract]:
        """A contract for a JSON Schema of any draft, or for the tool that wraps one.

        Its `value` is the JSON itself, of any type. `bounds`: how long things may be where the schema does not say, for
        engines that cannot close an answer. A keyword is enforced by the grammar, or checked after (`checked_after()`
        names it); `proven`: such a keyword is a ContractError. What says nothing by the standard is listed by
        `ignored()`; `strict`: an unknown format is a ContractError. So is, always, what nothing can be done about.
        `file`: what the schema was read from; its references may lead to other files of that folder.
        """
        from models.schema.json_value import json_contract  # jsonschema takes a while to import

        return json_contract(Contract, schema, name, bounds, proven, strict, file)

    if TYPE_CHECKING:

        @classmethod
        def of(cls, kind: type[Any], omit: bool = False) -> type[Contract]:
            """See `ContractType.__getattr__`."""

    @classmethod
    def contract_hash(cls) -> str:
        """Sixteen hex digits that change when the class asks for something else, whatever the conversation.

        Of the grammar with texts of one line: how texts are written is no part of what is asked for, and folders from
        before texts could hold line breaks have their steps recognised by this.
        """
        return sha256(compile_grammar(cls, **_PLACEHOLDER, one_line=True).lark.encode()).hexdigest()[:16]

    @classmethod
    def draft(cls) -> type[Contract]:
        """The same fields in the same order, each but a Scratchpad optional and None by default, without validators.

        What a conversation has not said yet stays None, and code decides what to ask.
        """
        return _draft(cls)

    @classmethod
    def questions(cls) -> dict[str, str]:
        """The question for each field that is not private: its description, else one made of its name."""
        shown = ((name, info) for name, info in cls.model_fields.items() if not _private(info))
        return {name: info.description or f"What is the {name.replace('_', ' ')}?" for name, info in shown}

    @classmethod
    def private_fields(cls) -> tuple[str, ...]:
        """The Scratchpads, in declared order."""
        return _private_fields(cls)

    @classmethod
    def checked_after(cls) -> tuple[str, ...]:
        """What no grammar enforces, by name: custom validators, and sets of items that may repeat."""
        return checked_after(cls)

    def public(self) -> dict[str, Any]:
        """The fields in JSON types, without the private ones."""
        return self.model_dump(mode="json", exclude=set(self.private_fields()))


def _of(kind: type[Any], omit: bool = False) -> type[Contract]:
    """A contract for a class as it is: a pydantic model, a dataclass or a TypedDict. Its `value` is an instance.

    `omit`: fields that have a default may be left out, as a TypedDict's that are not required always may be. What
    Pydantic checks and no grammar can is in `checked_after()`. ContractError with all that cannot be enforced.
    """
    from models.held_value import contract_of

    return contract_of(Contract, kind, omit)


@cache
def _private_fields(contract: type[Contract]) -> tuple[str, ...]:
    return tuple(name for name, info in contract.model_fields.items() if _private(info))


def _private(info: FieldInfo) -> bool:
    return any(isinstance(mark, ScratchpadMark) for mark in info.metadata)


@cache
def _draft(contract: type[Contract]) -> type[Contract]:
    fields: dict[str, Any] = {}
    for name, info in contract.model_fields.items():
        marks = [mark for mark in info.metadata if not isinstance(mark, CUSTOM)]
        kind = Annotated[(info.annotation, *marks)] if marks else info.annotation
        if _private(info):
            fields[name] = (kind, FieldInfo(description=info.description))
        else:
            fields[name] = (Optional[kind], FieldInfo(default=None, description=info.description))  # noqa: UP045 (a value)
    return create_model(
        f"{contract.__name__}Draft",
        __base__=Contract,
        __module__=contract.__module__,
        __doc__=contract.__doc__,
        **fields,
    )
