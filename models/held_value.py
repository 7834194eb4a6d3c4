"""HeldValue: a contract that holds an instance of a class which is none: a model, a dataclass or a TypedDict.

Knows pydantic's side of it. `Contract.of` makes a contract of it.
"""

from __future__ import annotations

from dataclasses import replace
from types import new_class
from typing import Any, ClassVar, NoReturn, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, PydanticUserError, RootModel, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from models.errors import ContractError
from models.grammar.fragments.advice import unsupported
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment
from models.grammar.fragments.members import has_members, members
from models.grammar.fragments.record import contract_fragment, root_fragment
from models.grammar.fragments.unenforced import checked_after

C = TypeVar("C", bound=BaseModel)


class HeldValue(BaseModel):
    """`value` is an instance of the class that it was made of, as Pydantic reads it from JSON."""

    value: Any

    __kind__: ClassVar[Any] = None
    __omit__: ClassVar[bool] = False

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Not a validator before the field: it would be given Python values, which Pydantic reads less of than of JSON.
        return core_schema.no_info_after_validator_function(
            cls._holding,
            handler.generate_schema(cls.__kind__),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda held, info: _dumped(cls.__kind__, held.value, info.mode), info_arg=True
            ),
        )

    @classmethod
    def _holding(cls, value: Any) -> Any:
        return cls.model_construct(value=value)

    @classmethod
    def __fragment__(cls, builder: GrammarBuilder) -> Fragment:
        """The grammar of the class."""
        inside = replace(builder, omit=cls.__omit__)
        if has_members(cls.__kind__):
            return contract_fragment(cls.__kind__, inside)
        return root_fragment(cls.__kind__, {}, cls.__name__, inside)

    @classmethod
    def model_json_schema(cls, *arguments: Any, **named: Any) -> dict[str, Any]:
        """That of the class. As part of this one's, pydantic cannot write it where the class contains itself."""
        return TypeAdapter(cls.__kind__).json_schema(*arguments, **named)

    @classmethod
    def draft(cls) -> NoReturn:
        raise ContractError(
            f"{cls.__name__} is no Contract, and has no draft with everything optional.",
            "Declare a Contract class with the fields to ask a customer for.",
        )

    @classmethod
    def questions(cls) -> dict[str, str]:
        return {}

    @classmethod
    def checked_after(cls) -> tuple[str, ...]:
        return checked_after(cls.__kind__)

    def public(self) -> Any:
        return _dumped(self.__kind__, self.value, "json")


def contract_of(base: type[C], kind: Any, omit: bool) -> type[C]:
    """A subclass of HeldValue and of `base`, which compiles it. ContractError for what cannot be enforced."""
    name = getattr(kind, "__name__", str(kind))
    if not has_members(kind) and not (isinstance(kind, type) and issubclass(kind, RootModel)):
        raise (
            unsupported(kind, name)
            if not isinstance(kind, type)
            else ContractError(f"{name} is no class with fields.", "Give a pydantic model, a dataclass or a TypedDict.")
        )
    try:
        TypeAdapter(kind)
        list(members(kind))
    except (PydanticUserError, NameError) as error:
        told = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ContractError(f"{name} cannot be read by Pydantic: {told}.", "Mend the class.") from error
    named = {"__kind__": kind, "__omit__": omit, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return new_class(name, (HeldValue, base), {}, lambda namespace: namespace.update(named))


def _dumped(kind: Any, value: Any, mode: Any) -> Any:
    return TypeAdapter(kind).dump_python(value, mode=mode, by_alias=True)
