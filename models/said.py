"""Field types that say where a text may come from: Said (the customer), Quote (the evidence), Scratchpad (nowhere).

Knows how such a field validates and serialises. Does not know how it is enforced (copied.py) nor how words become
values (reading.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from models.errors import ContractError
from models.values.reading import read

T = TypeVar("T")

_KNOWN = ("builtins", "datetime", "decimal", "models")
"""Where the classes come from that say nothing of a user's matter in their docstrings."""


@dataclass(frozen=True)
class Unread:
    """What the customer said where it could not be read as the field's type: the code asks, it never guesses.

    A type checker believes that a `Said[date]` is a date; test `isinstance(value, Unread)` before use.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class SaidMark:
    """At most `max_length` characters of one message of the customer, read as `kind`.

    `Said[date]` is `Annotated[date, SaidMark(date)]`; write the latter to choose another length.
    """

    kind: type[Any]
    max_length: int = 64

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate, serialization=core_schema.plain_serializer_function_ser_schema(written)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = {"type": "string", "maxLength": self.max_length, "x-copied": "said", "x-read-as": self.kind.__name__}
        # A class of a user's own says in its docstring what its words are: "An order's number, such as A1234."
        own = "" if self.kind.__module__.partition(".")[0] in _KNOWN else self.kind.__doc__ or ""
        made = own.startswith(f"{self.kind.__name__}(")  # by @dataclass, which lists the fields
        return told if made or not own else {**told, "x-words": " ".join(own.split())}

    def _validate(self, value: object, info: ValidationInfo) -> object:
        """Any string passes, because the grammar admits any words of the customer; `Unread` marks the unreadable."""
        if isinstance(value, str) and (self.kind is str or not isinstance(value, self.kind)):
            context = info.context if isinstance(info.context, Mapping) else {}
            result = read(self.kind, value, context.get("today") or date.today())
            if result is not None and hasattr(self.kind, "read") and not isinstance(result, self.kind):
                raise ContractError(
                    f"{self.kind.__name__}.read made a {type(result).__name__} of words.",
                    f"Let it return a {self.kind.__name__}, or None for words that are none.",
                )
            return Unread(value.strip()) if result is None else result
        if isinstance(value, Unread):
            return value
        narrower = isinstance(value, bool) and self.kind is not bool, isinstance(value, datetime)
        if isinstance(value, self.kind) and not any(narrower):
            return value
        raise ValueError(f"expected words to read as {self.kind.__name__}, or a {self.kind.__name__}")


def written(value: object) -> str:
    """The words that read back to `value`: ISO dates, plain numbers, yes and no, `str(value)` for everything else."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


if TYPE_CHECKING:
    Said = Annotated[T, "words of the customer"]
else:

    class Said:
        """`Said[T]`: words of the customer, copied by the model and read as T by code; `Unread` where that fails.

        T is str, int, float, Decimal, bool, date, Money or a class with `read(text, today) -> Self | None`.
        """

        def __class_getitem__(cls, kind: type[T]) -> object:
            return Annotated[kind, SaidMark(kind)]


@dataclass(frozen=True)
class ScratchpadMark:
    """The field is private: written first, kept in the journal, never shown."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-private": True}


@dataclass(frozen=True)
class QuoteMark:
    """One to three consecutive whole sentences of the evidence."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-copied": "evidence"}


Scratchpad = Annotated[str, Field(max_length=80), ScratchpadMark()]
Quote = Annotated[str, QuoteMark()]
