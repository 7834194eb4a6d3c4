"""Slots: code decides what is still missing from a form, and how to ask for it. Knows contracts; asks nobody itself.

A field's description is the question. A form whose fields need judgement (anything but the customer's own words) is
narrowed for a model that is not trusted with decisions: those fields are asked for instead.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping, Sequence, Set
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError, create_model

from models.contract import Contract
from models.engines.weighing import LIKELIEST
from models.said import SaidMark, ScratchpadMark, Unread
from models.values.money import Money
from models.values.reading import read
from pipeline.outcome import Question

C = TypeVar("C", bound=Contract)

ASK_LIMIT = 2
"""How often the same field is asked for before a person takes over."""

_ALL = re.compile(
    r"(?:(?:i (?:want|need|would like)|i'd like|please|do|yes|well|oh|actually|the)[\s,]+)*"
    r"(?:both|all|the two|two|each)(?: (?:of (?:them|those|these)|things|together))?"
    r"(?:[\s,]+(?:please|thanks|thank you))*"
)
_JOINING = re.compile(r"\b(?:and|then|also|first|second|please|both|after|that|i|want|to|plus)\b|[,.;&+]")

_NOUNS: Mapping[type[Any], str] = {
    date: "a date",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    Money: "an amount of money",
    bool: "yes or no",
}


@cache
def narrowed(contract: type[Contract], decides: bool) -> type[Contract]:
    """The draft of a contract that a model fills; without the fields it is not trusted to judge."""
    draft = contract.draft()
    kept = {name: info for name, info in draft.model_fields.items() if decides or not needs_judgement(contract, name)}
    if len(kept) == len(draft.model_fields):
        return draft
    fields: dict[str, Any] = {name: (info.annotation, info) for name, info in kept.items()}
    return create_model(
        draft.__name__, __base__=Contract, __module__=contract.__module__, __doc__=draft.__doc__, **fields
    )


def needs_judgement(contract: type[Contract], field: str) -> bool:
    """Whether a value of the field is more than a copy of what was said."""
    info = contract.model_fields[field]
    marks = [*info.metadata, *_marks(info.annotation)]
    return not any(isinstance(mark, SaidMark | ScratchpadMark) for mark in marks)


@cache
def excerpt(draft: type[Contract], fields: tuple[str, ...]) -> type[Contract]:
    """A draft with these of its fields only, and its scratchpad."""
    kept = {name: draft.model_fields[name] for name in draft.model_fields if name in {*fields, *draft.private_fields()}}
    chosen: dict[str, Any] = {name: (info.annotation, info) for name, info in kept.items()}
    return create_model(draft.__name__, __base__=Contract, __module__=draft.__module__, __doc__=draft.__doc__, **chosen)


def told_apart(draft: type[Contract], unsaid: Set[str], copies: Mapping[str, Sequence[object]]) -> type[Contract]:
    """A draft without the fields `unsaid`, and with those of `copies` as a choice among these values, as far as a copy
    may be as long."""
    fields: dict[str, Any] = {}
    for name, info in draft.model_fields.items():
        if name in unsaid:
            continue
        most = _most(draft, name) if said_kind(draft, name) is not None else math.inf
        fitting = [value for value in copies.get(name, ()) if not isinstance(value, str) or len(value) <= most]
        fields[name] = (Literal[tuple(fitting)], Field(...)) if fitting else (info.annotation, info)
    return create_model(draft.__name__, __base__=Contract, __module__=draft.__module__, __doc__=draft.__doc__, **fields)


@cache
def choices(contract: type[Contract]) -> dict[str, tuple[str, ...]]:
    """The texts of each field that has to be one of a few, by name. A field with another name in JSON is left out."""
    found: dict[str, tuple[str, ...]] = {}
    for name, info in contract.model_fields.items():
        kind: Any = info.annotation
        texts = get_args(kind) if get_origin(kind) is Literal else ()
        if isinstance(kind, type) and issubclass(kind, Enum):
            texts = tuple(member.value for member in kind)
        if 2 <= len(texts) <= LIKELIEST and all(isinstance(text, str) for text in texts) and info.alias is None:
            found[name] = tuple(map(str, texts))
    return found


def leading(contract: type[Contract]) -> int:
    """How many of `choices` the contract begins with."""
    chosen = choices(contract)
    return next((at for at, name in enumerate(contract.model_fields) if name not in chosen), len(chosen))


@cache
def labels(contract: type[Contract]) -> dict[str, str]:
    """What each field is, in a few words: its description without the mark at its end, or its name."""
    described = {name: info.description or "" for name, info in contract.model_fields.items()}
    return {name: " ".join(text.split()).rstrip(" .:?!") or name.replace("_", " ") for name, text in described.items()}


@cache
def open_answers(contract: type[Contract]) -> tuple[str, ...]:
    """The fields that are yes, no or null, by name. A field with another name in JSON is left out."""
    return tuple(
        name
        for name, info in contract.model_fields.items()
        if set(_parts(info.annotation)) == {bool, types.NoneType}
        and info.alias is None
        and said_kind(contract, name) is None
    )


def worded(contract: type[Contract]) -> dict[str, str]:
    """The questions of the fields in which the customer's words stay words."""
    return {name: text for name, text in contract.questions().items() if said_kind(contract, name) is str}


def _most(contract: type[Contract], field: str) -> int:
    """Characters that a copy may have in a field."""
    info = contract.model_fields[field]
    marks = [mark for mark in [*info.metadata, *_marks(info.annotation)] if isinstance(mark, SaidMark)]
    return min((mark.max_length for mark in marks), default=0)


def missing(contract: type[Contract], values: Mapping[str, object]) -> list[str]:
    """The required fields in the customer's own words for which nothing was found."""
    return [
        name
        for name, info in contract.model_fields.items()
        if info.is_required() and values.get(name) is None and said_kind(contract, name) is not None
    ]


def unread(contract: type[Contract], values: Mapping[str, object]) -> dict[str, str]:
    """The words of each field for which something was copied that code cannot read, in declared order."""
    return {name: value.text for name in contract.model_fields if isinstance(value := values.get(name), Unread)}


def gap(contract: type[Contract], values: Mapping[str, object]) -> Question | None:
    """The first field, in declared order, that was not said or could not be read; None when nothing is left to ask."""
    for name in contract.model_fields:
        value = values.get(name)
        if isinstance(value, Unread):
            return question(contract, name, f'I could not read "{value.text}" as {_noun(contract, name)}.')
        if value is None and contract.model_fields[name].is_required() and name not in contract.private_fields():
            return question(contract, name)
    return None


def named(contract: type[Contract], location: Sequence[int | str], told: str) -> tuple[str, ...]:
    """The fields that an error is about: the one where it stands, else those whose names its text has, in its order."""
    if location and location[0] in contract.model_fields:
        return (str(location[0]),)
    found = {name: re.search(rf"\b{re.escape(name).replace('_', '[ _]')}\b", told) for name in contract.model_fields}
    return tuple(sorted((name for name, match in found.items() if match), key=lambda name: found[name].start()))  # type: ignore[union-attr]


def question(contract: type[Contract], field: str, why: str = "", also: Sequence[str] = ()) -> Question:
    """The question about one field: why it is asked, if there is a reason, and the field's description.

    A reason that asks by itself needs no second question. `also`: fields of which one may be answered instead.
    """
    asked = _asked(contract, field)
    for other in also:
        if other in contract.model_fields and other != field:
            second = _asked(contract, other)
            asked += f" Or {second[:1].lower()}{second[1:]}"
    text = why if why.endswith("?") else f"{why} {asked}".strip()
    return Question(field, text, _choices(contract, field), contract.__name__, answer_schema(contract, field))


def _asked(contract: type[Contract], field: str) -> str:
    return contract.questions().get(field) or f"What is the {field.replace('_', ' ')}?"


def answer_schema(contract: type[Contract], field: str) -> dict[str, Any]:
    """The JSON schema of an answer about a field: words for what is read from words, else what the field holds."""
    choices = _choices(contract, field)
    if choices is not None:
        return {"enum": list(choices)}
    info = contract.model_fields[field]
    annotation: Any = info.annotation
    for metadata in info.metadata:
        annotation = Annotated[annotation, metadata]
    schema = TypeAdapter(annotation).json_schema()
    kind = said_kind(contract, field)
    # Words that code reads as something: whoever shows the question can offer the fitting input.
    return schema if kind is None else schema | {"x-read-as": kind.__name__}


def read_words(contract: type[Contract], field: str, words: str, today: date) -> object | None:
    """Words as the value of a field of the customer's own words; None if they are none."""
    kind = said_kind(contract, field)
    return None if kind is None else read(kind, words, today)


def read_answer(contract: type[Contract], field: str, answer: str, today: date) -> object | None:
    """The whole answer read as the field's value; None if it is not one. Words for a `Said[str]` need a model."""
    kind = said_kind(contract, field)
    if kind is not None:
        return None if kind is str else read(kind, answer, today)
    choices = _choices(contract, field)
    if choices is not None:
        chosen = match(answer, choices)
        if chosen is None and bool in _kinds(contract.model_fields[field].annotation):
            return read(bool, answer, today)
        return None if chosen is None else _options(contract, field)[chosen]
    info = contract.model_fields[field]
    annotation: Any = info.annotation
    for metadata in info.metadata:
        annotation = Annotated[annotation, metadata]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    inner = next((kind for kind in _kinds(info.annotation) if kind in _NOUNS), None)
    candidates = [answer.strip()] if inner is None else [read(inner, answer, today)]
    for candidate in candidates:
        try:
            value: object = adapter.validate_python(candidate, context={"today": today})
        except ValidationError:
            continue
        return value
    return None


def said_kind(contract: type[Contract], field: str) -> type[Any] | None:
    """T of a `Said[T]` field; None for any other field."""
    info = contract.model_fields[field]
    for mark in [*info.metadata, *_marks(info.annotation)]:
        if isinstance(mark, SaidMark):
            return mark.kind
    return None


def match(answer: str, choices: tuple[str, ...]) -> str | None:
    """The choice that an answer names, without regard to case, spaces and a full stop; None if it names none."""
    plain = _plain(answer)
    return next((choice for choice in choices if _plain(choice) == plain), None)


def match_all(answer: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The choices that an answer wants together, in its order: "both", "1 and 2", two of them by name; () if not two.

    Nothing else may stand in it but what joins them.
    """
    plain = _plain(answer)
    if _ALL.fullmatch(plain):
        return choices
    rest, named = plain, {}
    for choice in sorted(choices, key=len, reverse=True):
        if (at := rest.find(name := _plain(choice))) >= 0:
            named[at] = choice
            rest = rest[:at] + " " * len(name) + rest[at + len(name) :]
    if not named:
        numbers = {str(number): choice for number, choice in enumerate(choices, start=1)}
        named = {found.start(): numbers[found[0]] for found in re.finditer(r"\d+", rest) if found[0] in numbers}
        rest = re.sub(r"\d+", lambda found: "" if found[0] in numbers else found[0], rest)
    wanted = tuple(dict.fromkeys(named[at] for at in sorted(named)))
    return wanted if len(wanted) > 1 and not _JOINING.sub("", rest).strip() else ()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!'\"")


def _choices(contract: type[Contract], field: str) -> tuple[str, ...] | None:
    return tuple(_options(contract, field)) or None


def _options(contract: type[Contract], field: str) -> dict[str, object]:
    """Shown text to value, for a field with few possible values."""
    options: dict[str, object] = {}
    for part in _parts(contract.model_fields[field].annotation):
        if get_origin(part) is Literal:
            options |= {str(value): value for value in get_args(part)}
        elif isinstance(part, type) and issubclass(part, Enum):
            options |= {str(member.value): member for member in part}
        elif part is bool:
            options |= {"yes": True, "no": False}
    return options


def _noun(contract: type[Contract], field: str) -> str:
    kind = said_kind(contract, field)
    if kind is not None and kind in _NOUNS:
        return _NOUNS[kind]
    name = kind.__name__ if kind is not None else "value"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return f"a{'n' if words[0] in 'aeiou' else ''} {words}"


def _parts(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, unwrapped from Optional, Union and Annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [part for argument in get_args(annotation) for part in _parts(argument)]
    return [annotation]


def _kinds(annotation: Any) -> list[type[Any]]:
    return [part for part in _parts(annotation) if isinstance(part, type)]


def _marks(annotation: Any) -> list[Any]:
    """Metadata of Annotated types inside Optional and Union, which pydantic does not lift to the field."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        return [*marks, *_marks(inner)]
    if origin in (Union, types.UnionType):
        return [mark for argument in get_args(annotation) for mark in _marks(argument)]
    return []
