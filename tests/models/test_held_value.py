"""Classes that are no contracts, as their authors wrote them, become contracts by `Contract.of`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Required

import pytest
from llguidance import LLTokenizer
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    conint,
    conlist,
    constr,
    field_validator,
)
from random_walk import admits
from typing_extensions import TypedDict

from models import Contract, ContractError
from models.bench.proof.attack import attack
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")


class Lines(RootModel[list[str]]):
    pass


class Item(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(min_length=1, description="What is it?")
    price: Decimal
    tags: list[str] = []
    about: dict[str, Any] = Field(default_factory=dict)
    seen: conint(ge=1, le=5)  # type: ignore[valid-type]
    codes: conlist(constr(pattern="^[A-Z]{2}$"), max_length=2)  # type: ignore[valid-type]
    lines: Lines = Lines([])

    @field_validator("name")
    @classmethod
    def is_no_test(cls, name: str) -> str:
        if name == "test":
            raise ValueError("no tests")
        return name


class Order(BaseModel):
    id: int
    items: list[Item]
    note: Any = None


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


@dataclass
class Point:
    x: int = Field(ge=3, default=4)
    names: list[str] = field(default_factory=list)


class Answer(TypedDict, total=False):
    text: Required[Annotated[str, Field(max_length=9)]]
    score: Annotated[int, Field(ge=0, le=9)]


def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number


@pytest.mark.parametrize("kind", [Item, Order, Tree, Point, Answer])
@pytest.mark.parametrize("omit", [False, True])
def test_every_completion_is_a_value_of_the_class_as_it_is(kind: type[Any], omit: bool) -> None:
    contract = Contract.of(kind, omit)
    tally = attack(contract, compile_grammar(contract), BYTES, Random(3), 12)
    assert tally.broken == 0, tally.wrong


def test_the_value_is_an_instance_and_the_class_is_left_alone() -> None:
    contract = Contract.of(Item)
    held: Any = contract.model_validate_json('{"name":" a ","price":"1.5","seen":2,"codes":["AB"]}')
    assert isinstance(held.value, Item)
    assert held.value.name == "a"
    assert held.public()["price"] == "1.5"
    assert contract.model_validate_json(held.model_dump_json()) == held
    assert contract.checked_after() == ("is_no_test", "about: the last of repeated keys counts")
    assert contract.contract_hash() != Contract.of(Order).contract_hash()
    assert not Item.model_config.get("frozen")
    assert Contract.of(Point).model_validate_json('{"x":3}').value == Point(3, [])  # type: ignore[attr-defined]


def test_what_may_be_left_out() -> None:
    def written(contract: type[Contract], text: str) -> bool:
        return admits(compile_grammar(contract), BYTES, text)

    assert [written(Contract.of(Point), text) for text in ("{}", '{"x":4,"names":[]}')] == [False, True]
    assert written(Contract.of(Point, omit=True), "{}")
    assert written(Contract.of(Point, omit=True), '{"names":["a"]}')
    answer = Contract.of(Answer)
    assert written(answer, '{"text":"a"}')
    assert written(answer, '{"text":"a","score":1}')
    assert not written(answer, '{"score":1}')

    class Patch(Contract, omit=True):
        id: int
        name: str | None = None
        size: int | None = 0

    for text in ('{"id":1}', '{"id":1,"name":null}', '{"id":1,"size":2}', '{"id":1,"name":"a","size":null}'):
        assert written(Patch, text), text
    for text in ("{}", '{"name":"a"}', '{"id":1,"size":1,"name":"a"}', '{"id":1,}'):
        assert not written(Patch, text), text
    assert written(Patch.draft(), '{"id":null,"name":null,"size":null}')
    assert not written(Patch.draft(), '{"id":null}')


def test_all_that_cannot_be_enforced_is_said_at_once() -> None:
    class Bad(BaseModel):
        a: SecretStr
        b: complex
        c: int

    with pytest.raises(ContractError) as caught:
        Contract.of(Bad)
    assert [line.split(",")[0] for line in str(caught.value).splitlines()] == [
        f"Bad.{name}, which".split(",")[0] for name in ("a is SecretStr", "b is complex")
    ]


@pytest.mark.parametrize(
    ("pattern", "checked", "good", "bad"),
    [
        (r"^(?=.*\d)(?=.*[a-z])[A-Za-z\d]{4,6}$", False, "a1bc", "abcd"),
        (r"^(?=ab)[a-c]{3}$", False, "abc", "cab"),
        (r"^(?!ab)[a-c]{3}$", True, "cab", "abcd"),
        (r"\bfoo\b", True, "a foo b", "fo"),
        (r"^(?=a)b|c$", True, "c", "d"),
    ],
)
def test_a_pattern_that_looks_ahead_is_enforced_or_checked(pattern: str, checked: bool, good: str, bad: str) -> None:
    class Found(BaseModel):
        text: Annotated[str, Field(pattern=re.compile(pattern))]

    contract = Contract.of(Found)
    grammar = compile_grammar(contract)
    assert bool(contract.checked_after()) is checked
    assert admits(grammar, BYTES, f'{{"text":"{good}"}}')
    assert not admits(grammar, BYTES, f'{{"text":"{bad}"}}')
    assert attack(contract, grammar, BYTES, Random(1), 30).broken == 0


def test_chains_of_validators_are_checked_after() -> None:
    class Chain(BaseModel):
        number: Annotated[int, AfterValidator(even), AfterValidator(abs)]

    assert Contract.of(Chain).checked_after() == ("number: even", "number: abs")


def test_what_has_no_end_is_tightened_and_listed_and_open_for_engines_that_close() -> None:
    grammar = compile_grammar(Contract.of(Tree))
    assert grammar.tightened == ("Tree.children: 16 items", "Tree: 2 deep")
    assert grammar.open
    deep = '{"value":1,"children":[' * 40 + "]}" * 40
    assert not admits(grammar, BYTES, deep)
    assert admits(type(grammar)(grammar.open, grammar.max_tokens), BYTES, deep)
    note = compile_grammar(Contract.of(Order))
    nested = '{"id":1,"items":[],"note":' + "[" * 30 + '{"a":1e9}' + "]" * 30 + "}"
    assert admits(type(note)(note.open, note.max_tokens), BYTES, nested)
    assert not compile_grammar(Contract.of(Answer)).open


def test_what_is_no_class_with_fields_is_refused_in_words() -> None:
    with pytest.raises(ContractError, match="int is no class with fields"):
        Contract.of(int)
    with pytest.raises(ContractError, match="Item is no Contract"):
        Contract.of(Item).draft()
