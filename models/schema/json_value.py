"""JsonValue: what makes a contract's value the JSON itself, described by a JSON Schema.

Knows pydantic's side of it. The jsonschema package validates; the grammar is the writer's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import new_class
from typing import Any, ClassVar, NoReturn, TypeVar

from jsonschema.exceptions import best_match
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from models.errors import ContractError, EngineError
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment
from models.grammar.grammar import compile_grammar
from models.grammar.matchers import BY_BYTES
from models.interfaces import PYDANTIC
from models.schema.bounds import Bounds
from models.schema.document import Document, document
from models.schema.loops import refuse_loops
from models.schema.normal import Normal
from models.schema.notes import Notes
from models.schema.oracle import oracle
from models.schema.refusal import SchemaRefused
from models.schema.schema_folder import SchemaFile
from models.schema.writer import SchemaWriter

C = TypeVar("C", bound=BaseModel)


class JsonValue(BaseModel):
    """`value` is what `model_validate_json` read; `public()` and `model_dump(mode="json")` give it back.

    `Contract.from_json_schema` makes a contract of it.
    """

    model_config = ConfigDict(defer_build=True)

    value: Any

    __document__: ClassVar[Document] = document(True)
    __bounds__: ClassVar[Bounds] = Bounds()
    __asked__: ClassVar[bool] = False

    def __init__(self, value: Any) -> None:
        self.__pydantic_validator__.validate_python(value, self_instance=self)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Nothing of what `Contract` asks of a class: `json_contract` compiles what it makes."""

    @classmethod
    def __fragment__(cls, builder: GrammarBuilder) -> Fragment:
        """The grammar of what the schema and the bounds admit; of what the schema alone does if the builder is open."""
        bounds = None if builder.open and not cls.__asked__ else cls.__bounds__
        if bounds is not None and not cls.__asked__:
            builder.tightened[cls.__name__] = "what its schema gives no end, by its Bounds"
        if bounds is not None and builder.open:  # bounds that somebody asked for hold for engines, too, that close
            builder = replace(builder, open=False)
        writer = SchemaWriter(Normal(cls.__document__), bounds, builder, cls.__name__)
        fragment = writer.value((cls.__document__.root,))
        writer.note(cls.__document__.path, fragment)
        return fragment

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # No decorators, which pydantic would bind to the class that `_made` inherits from.
        fields = core_schema.model_fields_schema({"value": core_schema.model_field(core_schema.any_schema())})
        checked = core_schema.no_info_before_validator_function(cls._valid, fields)
        plain = core_schema.plain_serializer_function_ser_schema(lambda held: held.value)
        ref = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"  # as pydantic calls a class
        return core_schema.model_schema(cls, checked, serialization=plain, frozen=True, ref=ref)

    @classmethod
    def _valid(cls, value: Any) -> Any:
        error = best_match(oracle(cls.__document__).iter_errors(value))
        if error is not None:
            told = {"message": error.message, "keyword": str(error.validator), "path": error.json_path}
            raise PydanticCustomError("json_schema", "{path}: {message}", told)
        return {"value": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = cls.__document__.schema
        return {} if schema is True else {"not": {}} if schema is False else dict(schema)

    @classmethod
    def model_json_schema(cls, *arguments: Any, **named: Any) -> dict[str, Any]:
        """That which it was made of. As part of a class's, pydantic cannot write one that has references."""
        schema = cls.__document__.alone()
        return schema if isinstance(schema, dict) else {} if schema else {"not": {}}

    @classmethod
    def draft(cls) -> NoReturn:
        raise ContractError(
            f"{cls.__name__} was made from a JSON Schema, which has no draft with everything optional.",
            "Declare a Contract class with the fields to ask for.",
        )

    @classmethod
    def questions(cls) -> dict[str, str]:
        return {}

    @classmethod
    def checked_after(cls) -> tuple[str, ...]:
        """The keywords, by their paths, at which the grammar admits too much: the finished value is checked."""
        return tuple(cls.__document__.notes.loosened)

    @classmethod
    def notes(cls) -> Notes:
        """What became of the keywords that the grammar does not follow to the letter."""
        return cls.__document__.notes

    @classmethod
    def ignored(cls) -> tuple[str, ...]:
        """What of the schema says nothing about values, by the standard."""
        return tuple(cls.__document__.notes.ignored)

    def public(self) -> Any:
        return self.value


class _Built:
    """What pydantic builds of a class to read and write its values, built when it is first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: BaseModel | None, owner: type[BaseModel]) -> Any:
        owner.model_rebuild()
        return vars(owner)[self.name]


@cache
def _joined(base: type[C]) -> type[C]:
    """JsonValue and `base` in one."""
    PYDANTIC.check()
    named = {"__module__": __name__}
    joined: type[C] = new_class(JsonValue.__name__, (JsonValue, base), {}, lambda namespace: namespace.update(named))
    for name in ("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__"):
        setattr(joined, name, _Built(name))
    return joined


def _made(base: type[C], name: str, **namespace: object) -> type[C]:
    """A subclass of both. Not by pydantic's metaclass: what it collects is the same for all of them, and takes an
    eighth of the time from a schema to its first mask; most never read a value in this process."""
    joined = _joined(base)
    made: type[C] = type.__new__(type(joined), name, (joined,), {"__module__": __name__, **namespace})
    return made


def json_contract(
    base: type[C],
    schema: object,
    name: str,
    bounds: Bounds | None,
    proven: bool = False,
    strict: bool = False,
    file: SchemaFile | None = None,
) -> type[C]:
    """A subclass of JsonValue and of `base`, which compiles it. SchemaRefused, or Unsatisfiable where no value fits."""
    try:
        read = document(schema, strict, file)
        refuse_loops(read)
        contract = _made(
            base, name, __document__=read, __bounds__=bounds or JsonValue.__bounds__, __asked__=bounds is not None
        )
        # The form that nearly every model is asked for: what is proven here is what its engine takes.
        lark = compile_grammar(contract, spaced=True, open=bounds is None).lark
    except RecursionError:
        raise SchemaRefused("$", "is nested too deeply.", "Nest fewer schemas inside each other.") from None
    try:
        if len(lark) > _LARGEST:
            raise EngineError("The grammar is too large.")
        BY_BYTES.start_of(lark)
    except EngineError:
        raise SchemaRefused(
            "$", "becomes a grammar that is too large.", "Lower its lengths and numbers of items."
        ) from None
    for path, why in read.notes.loosened.items() if proven else ():
        raise SchemaRefused(
            path, f"{why}, so that values are checked after they are written.",
            "Ask for level checked, or write the schema without it.",
        )  # fmt: skip
    return contract


_LARGEST = 4_000_000
"""Characters of a grammar: llguidance reads some 10 MB a second."""
