"""Random fields of random contracts: every type that a contract may have, with random limits. See specimens.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from random import Random
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from uuid import UUID

from pydantic import (
    AwareDatetime,
    Base64Bytes,
    Base64Str,
    Base64UrlBytes,
    Base64UrlStr,
    EmailStr,
    Field,
    HttpUrl,
    NaiveDatetime,
    StringConstraints,
    create_model,
)

from models.contract import Contract
from models.said import Quote, SaidMark
from models.values.money import Money

T = TypeVar("T")


class Box(Contract, Generic[T]):
    """A contract with a type parameter."""

    item: T
    sealed: bool


@dataclass(frozen=True)
class Drawn:
    """An annotation, the limits that `Field` gives it, and a name for tables."""

    kind: str
    annotation: Any
    limits: dict[str, Any] = field(default_factory=dict)


_TEXTS = ["a", "", 'qu"ote', "back\\slash", "new\nline", "tab\t", "é", "名前", "😀", "null", "12", "a long option " * 3]
_PATTERNS = [
    r"^[A-Z]{2}\d{4}$",
    r"^\d{5}(-\d{4})?$",
    r"^(red|green|blue)$",
    r"^[^@\s]{1,10}@[a-z]{2,8}\.(com|org)$",
    r"^[a-z]+$",
    r"^\w{3,8}$",
    r"^#[0-9a-fA-F]{6}$",
    r"^(?:\+\d{1,3} )?\d{3} \d{4}$",
]


def _text(random: Random, depth: int) -> Drawn:
    least = random.choice([0, 0, 0, 1, 3])
    most = least + random.choice([0, 1, 3, 12, 40, 200])
    limits: dict[str, Any] = {"max_length": most} | ({"min_length": least} if least else {})
    if random.random() < 0.3:
        return Drawn("str", Annotated[str, StringConstraints(**limits)])
    return Drawn("str", str, limits if random.random() < 0.9 else {})


def _pattern(random: Random, depth: int) -> Drawn:
    return Drawn("pattern", str, {"pattern": random.choice(_PATTERNS), "max_length": random.randint(12, 40)})


def _ends(random: Random, low: Any, high: Any, one: Any) -> dict[str, Any]:
    """Limits that hold a number at least: `low` and `high` are at least two `one`s apart."""
    limits: dict[str, Any] = {}
    if random.random() < 0.8:
        limits |= {"ge": low} if random.random() < 0.5 else {"gt": low - one}
    if random.random() < 0.8:
        limits |= {"le": high} if random.random() < 0.5 else {"lt": high + one}
    return limits


def _integer(random: Random, depth: int) -> Drawn:
    low = random.randint(-(10 ** random.randint(0, 9)), 10 ** random.randint(0, 9))
    limits = _ends(random, low, low + random.randint(2, 10 ** random.randint(1, 8)), 1)
    if random.random() < 0.2:
        step = random.choice([2, 3, 5, 7, 10, 25, 100])
        limits = {"ge": 0, "le": step * random.randint(1, 50), "multiple_of": step}
    return Drawn("int", int, limits)


def _float(random: Random, depth: int) -> Drawn:
    low = round(random.uniform(-(10 ** random.randint(0, 6)), 10 ** random.randint(0, 6)), random.randint(0, 4))
    high = low + random.choice([0.5, 1.0, 100.0, 12345.5])
    if random.random() < 0.15:
        step = random.choice([0.5, 0.25, 2])
        return Drawn("float", float, {"ge": 0, "le": random.randint(1, 40), "multiple_of": step})
    return Drawn("float", float, _ends(random, low, high, 0.01))


def _decimal(random: Random, depth: int) -> Drawn:
    places = random.randint(0, 6)
    limits: dict[str, Any] = {"max_digits": places + random.randint(1, 8), "decimal_places": places}
    if random.random() < 0.4:
        low = Decimal(random.randint(-8, 5))  # of one digit, as every max_digits above allows
        limits |= _ends(random, low, low + random.randint(2, 4), Decimal(1))
    return Drawn("Decimal", Decimal, limits)


def _options(random: Random, depth: int) -> Drawn:
    values = random.sample([*_TEXTS, 3, -1, True, None], random.randint(1, 6))
    return Drawn("Literal", Literal[tuple(values)])


def _enum(random: Random, depth: int) -> Drawn:
    size = random.randint(1, 4)
    base: Any = random.choice([Enum, IntEnum, StrEnum])
    values: list[Any] = random.sample(range(-9, 99) if base is IntEnum else _TEXTS, size)
    return Drawn("Enum", base("Drawn", {f"M{number}": value for number, value in enumerate(values)}))


def _moment(random: Random, depth: int) -> Drawn:
    kind = random.choice([date, date, time, datetime, AwareDatetime, NaiveDatetime, timedelta])
    return Drawn(getattr(kind, "__name__", "datetime"), kind)


def _encoded(random: Random, depth: int) -> Drawn:
    kind: Any = random.choice([Base64Bytes, Base64Str, Base64UrlBytes, Base64UrlStr])
    if random.random() < 0.5:
        return Drawn("base64", Annotated[kind, Field(**_length(random))])  # of what is in it
    least = random.randint(0, 9)
    return Drawn("base64", kind, {"min_length": least, "max_length": least + random.randint(4, 40)})  # of the text


def _address(random: Random, depth: int) -> Drawn:
    kind = random.choice([UUID, EmailStr, HttpUrl])
    return Drawn(kind.__name__, kind)


def _plain(random: Random, depth: int) -> Drawn:
    kind = random.choice([bool, bool, None])
    return Drawn("bool" if kind else "None", kind)


def _copied(random: Random, depth: int) -> Drawn:
    kind: Any = random.choice([str, int, Decimal, date, bool, float, Money, Quote])
    return Drawn("Quote", Quote) if kind is Quote else Drawn("Said", Annotated[kind, SaidMark(kind)])


def inner(random: Random, depth: int) -> Any:
    """An annotation to be used inside another one, its limits within it."""
    drawn = draw_kind(random, depth)
    return Annotated[drawn.annotation, Field(**drawn.limits)] if drawn.limits else drawn.annotation


def _length(random: Random) -> dict[str, Any]:
    least = random.choice([0, 0, 1, 2])
    return {"max_length": least + random.randint(0, 3)} | ({"min_length": least} if least else {})


def _list(random: Random, depth: int) -> Drawn:
    return Drawn("list", list[inner(random, depth - 1)], _length(random))  # type: ignore[misc]


def _set(random: Random, depth: int) -> Drawn:
    item = random.choice([Literal["a", "b", "c", "d"], bool, int, Annotated[str, Field(max_length=5)], date])
    kind = random.choice([set, frozenset])
    return Drawn(kind.__name__, kind[item], {"max_length": random.randint(1, 3)})  # type: ignore[index]


def _tuple(random: Random, depth: int) -> Drawn:
    if random.random() < 0.4:
        return Drawn("tuple", tuple[inner(random, depth - 1), ...], _length(random))  # type: ignore[misc]
    return Drawn("tuple", tuple[tuple(inner(random, depth - 1) for _ in range(random.randint(1, 3)))])  # type: ignore[misc]


def _dict(random: Random, depth: int) -> Drawn:
    words, numbers = Annotated[str, Field(max_length=6)], Annotated[int, Field(ge=0, le=99)]
    key: Any = random.choice([words, numbers, Literal["x", "y", "z"]])
    return Drawn("dict", dict[key, inner(random, depth - 1)], {"max_length": random.randint(1, 3)})  # type: ignore[misc]


def _nested(random: Random, depth: int) -> Drawn:
    return Drawn("nested", _small(random, depth - 1, "Nested"))


def _small(random: Random, depth: int, name: str, **fields: Any) -> type[Contract]:
    fields |= {f"part_{number}": (inner(random, depth), ...) for number in range(random.randint(1, 3))}
    return create_model(name, __base__=Contract, **fields)


def _optional(random: Random, depth: int) -> Drawn:
    return Drawn("Optional", Optional[inner(random, depth - 1)])  # noqa: UP045 (a value)


def _union(random: Random, depth: int) -> Drawn:
    return Drawn("Union", Union[tuple(inner(random, depth - 1) for _ in range(random.randint(2, 3)))])  # noqa: UP007


def _discriminated(random: Random, depth: int) -> Drawn:
    names = random.sample(["cat", "dog", "fish", "bird"], random.randint(2, 3))
    kinds = tuple(_small(random, depth - 1, name.title(), kind=(Literal[name], ...)) for name in names)
    return Drawn("discriminated", Union[kinds], {"discriminator": "kind"})  # noqa: UP007


def _generic(random: Random, depth: int) -> Drawn:
    return Drawn("generic", Box[inner(random, depth - 1)])  # type: ignore[misc]


def _recursive(random: Random, depth: int) -> Drawn:
    again: Any = random.choice([("Tree | None", ...), ("list[Tree]", Field(max_length=2))])
    deep = {"depth": random.randint(1, 2)}
    tree = create_model("Tree", __base__=Contract, __cls_kwargs__=deep, value=(inner(random, 0), ...), again=again)
    return Drawn("recursive", tree)


Kind = Callable[[Random, int], Drawn]
SCALARS: list[Kind] = [_text, _text, _pattern, _integer, _float, _decimal, _options, _enum, _moment, _address, _plain]
SCALARS += [_encoded]
STRUCTURES: list[Kind] = [_list, _set, _tuple, _dict, _nested, _optional, _optional, _union, _discriminated, _generic]


def draw_kind(random: Random, depth: int) -> Drawn:
    """A random kind of field; one with others inside only where `depth` is above 0."""
    scalars = [*SCALARS, _copied]
    return random.choice([*scalars, *STRUCTURES, _recursive] if depth > 0 else scalars)(random, depth)
