from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, Field, field_validator, model_validator

from models import Contract
from models.bench.proof.verdict import judge, unchecked


def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number


class Line(Contract):
    sku: str = Field(max_length=5, alias="SKU")
    amount: Annotated[int, Field(ge=0, le=9), AfterValidator(even)]


class Order(Contract):
    name: str = Field(max_length=9)
    lines: list[Line] = Field(max_length=2)

    @field_validator("name")
    @classmethod
    def no_bob(cls, name: str) -> str:
        if name == "Bob":
            raise ValueError("not Bob")
        return name

    @model_validator(mode="after")
    def some(self) -> Order:
        if not self.lines:
            raise ValueError("nothing ordered")
        return self


class Tree(Contract, depth=2):
    value: Annotated[int, Field(ge=0, le=9), AfterValidator(even)]
    next: Tree | None


class Plain(Contract):
    flag: bool


LINE = '{"SKU":"a","amount":2}'


@pytest.mark.parametrize(
    ("contract", "text", "verdict"),
    [
        (Order, f'{{"name":"Ann","lines":[{LINE}]}}', "valid"),
        (Order, f'{{"name":"Bob","lines":[{LINE}]}}', "refused_after"),
        (Order, '{"name":"Ann","lines":[]}', "refused_after"),
        (Order, '{"name":"Ann","lines":[{"SKU":"a","amount":3}]}', "refused_after"),
        (Order, '{"name":"Bob","lines":[{"SKU":"a","amount":11}]}', "invalid"),
        (Order, f'{{"name":"Bob","lines":[{LINE}],"more":1}}', "invalid"),
        (Order, '{"name":"Ann","lines":[', "unparseable"),
        (Order, "", "unparseable"),
        (Tree, '{"value":2,"next":{"value":4,"next":null}}', "valid"),
        (Tree, '{"value":2,"next":{"value":5,"next":null}}', "refused_after"),
        (Tree, '{"value":2,"next":{"value":50,"next":null}}', "invalid"),
        (Plain, '{"flag":true}', "valid"),
        (Plain, '{"flag":"perhaps"}', "invalid"),
        (Plain, '{"flag":NaN}', "unparseable"),
    ],
)
def test_an_authors_own_validator_is_told_from_a_type_or_a_limit(
    contract: type[Contract], text: str, verdict: str
) -> None:
    found, reason = judge(contract, text)
    assert found == verdict
    assert bool(reason) is (verdict != "valid")


def test_a_contract_without_validators_needs_no_copy() -> None:
    assert unchecked(Plain) is Plain
    assert unchecked(Order) is unchecked(Order)
