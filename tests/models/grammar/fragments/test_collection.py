from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from itertools import combinations
from random import Random
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import EmailStr, Field, HttpUrl, Json, SecretStr, create_model
from random_walk import admits, random_walk
from typing_extensions import TypedDict

from models import Contract, ContractError, Said
from models.grammar.fragments.subset import OPTIONS
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")
SAID = ["two of us, please"]


class Colour(Enum):
    RED = "red"
    GREEN = "gr,een"
    BLUE = 'b"lue'


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Mixed(Enum):
    WORD = "1"
    NUMBER = 1


class Listing(Contract):
    tags: list[str] = Field(max_length=2)


class Point(Contract):
    place: tuple[int, ...] = Field(max_length=2)


class Pair(NamedTuple):
    left: int


class Typed(TypedDict):
    left: int


@dataclass
class Plain:
    left: int


Price = Annotated[Decimal, Field(max_digits=5, decimal_places=2)]
Short = Annotated[str, Field(min_length=1, max_length=3)]


def one(annotation: Any, **limits: Any) -> type[Contract]:
    fields: Any = {"of": (annotation, Field(**limits))}
    return create_model("One", __base__=Contract, **fields)


def written(contract: type[Contract], text: str) -> bool:
    return admits(compile_grammar(contract, SAID), BYTES, f'{{"of":{text}}}')


@pytest.mark.parametrize(
    ("annotation", "limits"),
    [
        (list[Short], {"min_length": 1, "max_length": 3}),
        (Sequence[Price], {"max_length": 3}),
        (set[Price], {"max_length": 3}),  # 1.0 and 1.00 are one item
        (frozenset[float | bool], {"min_length": 1, "max_length": 4}),  # so are 1.0 and true
        (set[Literal[1, True, "a"]], {"min_length": 1, "max_length": 3}),
        (set[Point], {"max_length": 2}),
        (set[Said[str]], {"min_length": 1, "max_length": 2}),
        (Set[tuple[bool, Colour]], {"max_length": 3}),
        (set[Colour], {"min_length": 2}),
        (frozenset[Level], {"min_length": 2, "max_length": 2}),
        (tuple[int, Colour, Said[str]], {}),
        (tuple[Listing, ...], {"min_length": 2, "max_length": 3}),
        (tuple[()], {}),
        (dict[Short, int], {"min_length": 1, "max_length": 3}),
        (Mapping[str, dict[bool, str]], {"max_length": 1}),
        (dict[Colour, Listing | None], {"min_length": 1, "max_length": 2}),
        (dict[Literal["a", "b"], Level | None], {"min_length": 2}),
        (dict[Level, Level], {}),
        (dict[Said[str], bool], {"max_length": 2}),
        (dict[str, Said[str]], {"min_length": 1, "max_length": 2}),
        *(
            (dict[key, int], {"min_length": 1, "max_length": 2})
            for key in (int, Price, date, time, datetime, timedelta)
        ),
        *((dict[key, int], {"min_length": 1, "max_length": 2}) for key in (UUID, EmailStr, HttpUrl, IPv4Address)),
    ],
)
def test_whatever_a_model_writes_is_a_collection_that_is_read_back(annotation: Any, limits: dict[str, Any]) -> None:
    contract = one(annotation, **limits)
    grammar = compile_grammar(contract, SAID)
    for seed in range(150):
        text, _ = random_walk(grammar, BYTES, Random(seed))
        value = contract.model_validate_json(text)
        assert contract.model_validate_json(value.model_dump_json()) == value


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 6), bounds=st.tuples(st.integers(0, 6), st.integers(0, 8)).map(sorted), keys=st.booleans())
def test_a_selection_is_every_part_of_the_options_in_their_order_and_nothing_else(
    count: int, bounds: list[int], keys: bool
) -> None:
    least, most = min(bounds[0], count), bounds[1]
    names = [f"{'x' * number},]" for number in range(count)]
    kind = Literal[tuple(names)]
    contract = one(dict[kind, Literal[0, 1]] if keys else set[kind], min_length=least, max_length=most)  # type: ignore[valid-type]
    grammar, longest = compile_grammar(contract), 0

    def text(chosen: tuple[str, ...]) -> str:
        value: Any = dict.fromkeys(chosen, 1) if keys else list(chosen)
        return json.dumps({"of": value}, separators=(",", ":"))

    for size in range(count + 1):
        for chosen in combinations(names, size):
            right = least <= size <= most
            assert admits(grammar, BYTES, text(chosen)) is right
            longest = max(longest, len(text(chosen)) if right else 0)
            if size > 1:
                assert not admits(grammar, BYTES, text(chosen[::-1]))
                assert not admits(grammar, BYTES, text(chosen).replace(chosen[-1], chosen[0]))
    assert grammar.max_tokens == longest + 1


@pytest.mark.parametrize("limits", [{}, {"max_length": 4}, {"min_length": 254}])
@pytest.mark.parametrize("keys", [False, True])
def test_as_many_options_as_are_allowed_fit_the_parser(keys: bool, limits: dict[str, int]) -> None:
    many: Any = Enum("Many", {f"M{number}": f"option {number}" for number in range(OPTIONS)})  # type: ignore[misc]
    contract = one(dict[many, bool] if keys else set[many], **limits)
    names = [member.value for member in many][: limits.get("max_length")]
    for chosen in (names, names[-254:], names[:2], names[::-1]):
        text = json.dumps(dict.fromkeys(chosen, True) if keys else chosen, separators=(",", ":"))
        right = chosen == sorted(chosen, key=names.index) and len(chosen) >= limits.get("min_length", 0)
        assert written(contract, text) is right
    random_walk(compile_grammar(contract), BYTES, Random(1))


def test_more_options_may_come_again_where_that_makes_nothing_invalid() -> None:
    many: Any = Enum("Many", {f"M{number}": f"option {number}" for number in range(OPTIONS + 1)})  # type: ignore[misc]
    assert written(one(set[many], min_length=1, max_length=2), '["option 256","option 256"]')
    assert written(one(dict[many, bool], max_length=2), '{"option 256":true,"option 256":false}')
    for kind in (set[many], dict[many, bool]):
        with pytest.raises(ContractError, match="twice"):
            one(kind, min_length=2)


@pytest.mark.parametrize(
    ("annotation", "limits", "text", "admitted"),
    [
        (set[bool], {}, "[true,false]", True),
        (set[bool], {}, "[false,true]", False),
        (set[int], {"max_length": 2}, "[1,1]", True),
        (set[int], {"max_length": 2}, "[1,1,1]", False),
        (tuple[int, bool], {}, "[1,true]", True),
        (tuple[int, bool], {}, "[1]", False),
        (tuple[int, bool], {}, "[1,true,1]", False),
        (tuple[bool, ...], {"max_length": 2}, "[]", True),
        (tuple[()], {}, "[]", True),
        (dict[int, bool], {"max_length": 1}, '{"7":true}', True),
        (dict[int, bool], {"max_length": 1}, "{7:true}", False),
        (dict[bool, int], {}, '{"true":7,"false":8}', True),
        (dict[Level, int], {}, '{"1":7,"10":8}', True),
        (dict[Colour, bool], {}, '{"red":true,"b\\"lue":true}', True),
        (dict[Colour, bool], {}, '{"b\\"lue":true,"red":true}', False),
        (dict[str, int], {"max_length": 0}, "{}", True),
    ],
)
def test_a_collection_is_written_in_one_way(annotation: Any, limits: dict[str, Any], text: str, admitted: bool) -> None:
    assert written(one(annotation, **limits), text) is admitted


@pytest.mark.parametrize("annotation", [list[Said[str]], set[Said[str]], tuple[Said[str], ...], dict[str, Said[str]]])
def test_a_collection_of_what_nobody_said_is_empty_or_refused(annotation: Any) -> None:
    empty = "{}" if annotation == dict[str, Said[str]] else "[]"
    assert compile_grammar(one(annotation, max_length=2)).constant == f'{{"of":{empty}}}'
    with pytest.raises(ContractError, match="they say nothing"):
        compile_grammar(one(annotation, min_length=1, max_length=2))


@pytest.mark.parametrize(
    ("annotation", "limits", "advice"),
    [
        (
            set[int],
            {"min_length": 2, "max_length": 3},
            r"same item twice\. Use Literal or Enum items, 256 at most, or a min_length",
        ),
        (set[Literal[1, True]], {"min_length": 2}, r"same item twice\. Use Literal or Enum items"),
        (set[Colour], {"min_length": 4, "max_length": 5}, r"needs 4 different items of 3\. Lower its min_length"),
        (set[list[bool]], {"max_length": 2}, r"list has no hash\. Use list\[…\], or tuple\[…\] inside it"),
        (set[Listing], {"max_length": 2}, r"set of Listing, but list has no hash"),
        (set[int], {"min_length": 2, "max_length": 1}, r"at least 2 and at most 1"),
        (tuple[int, int], {"max_length": 1}, r"has 2 items, which its lengths forbid\. Remove them"),
        (
            dict[str, int],
            {"min_length": 2, "max_length": 3},
            r"same key twice\. Use Literal or Enum keys, 256 at most, or a min_length",
        ),
        (dict[Colour, int], {"min_length": 4, "max_length": 4}, r"needs 4 different items of 3"),
        (dict[tuple[int], int], {"max_length": 1}, r"keys of type tuple\[int\], .*Use str, int, date"),
        (dict[date | int, int], {"max_length": 1}, r"keys of type datetime.date \| int, .*Use str, int, date"),
        (dict[Literal[1, 2], int], {}, r"has the key 1, which Pydantic does not read back from JSON\. Use str as keys"),
        (dict[Mixed, int], {}, r"has the key 1, which Pydantic does not read back"),
        (Iterable[int], {"max_length": 1}, r"Write list\[…\] or Sequence\[…\]: what Pydantic makes of this can be"),
        (SecretStr, {}, r"Use a str with max_length: Pydantic writes asterisks only"),
        (Json, {}, r"Nest a Contract: what a model writes is JSON already"),
        (Callable[[], int], {}, r"Use a Literal with the names of the functions"),
    ],
)
def test_a_collection_that_cannot_be_enforced_is_refused_with_advice(
    annotation: Any, limits: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ContractError, match=r"One\.of.*" + advice):
        one(annotation, **limits)
