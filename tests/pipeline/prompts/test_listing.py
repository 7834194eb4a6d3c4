"""A listing tells a model all that a contract says, at every depth."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from models import Contract, Money, Quote, Said, Scratchpad
from pipeline.prompts.listing import listing


class OrderId(str):
    """An order's number, such as A1234."""

    @classmethod
    def read(cls, text: str, today: date) -> OrderId:
        return cls(text)


class Item(Contract):
    """One thing that was ordered."""

    name: str = Field(max_length=40, description="What it is.")
    colour: Literal["red", "blue"]
    price: Decimal = Field(max_digits=6, decimal_places=2, ge=0)


class Order(Contract):
    """What somebody ordered."""

    thinking: Scratchpad
    order: Said[OrderId] = Field(description="Which order?")
    paid: Said[Money] | None = None
    day: Said[date] | None = None
    items: list[Item] = Field(max_length=3, description="All that was ordered.")
    stars: int = Field(ge=1, le=5)
    code: str = Field(pattern="^[A-Z]{2}$")
    terms: Quote


def test_every_key_has_its_type_choices_limits_and_description() -> None:
    assert (
        listing(Order)
        == """\
// What somebody ordered.
{
  "thinking": string,  // (notes to yourself before you answer, read by nobody else, at most 80 characters)
  "order": string,  // Which order? (the customer's own words: An order's number, such as A1234.)
  "paid": string | null,  // (the customer's own words for an amount of money)
  "day": string | null,  // (the customer's own words for a date)
  "items": [{  // All that was ordered. (at most 3 items) Each: One thing that was ordered.
    "name": string,  // What it is. (at most 40 characters)
    "colour": "red" | "blue",
    "price": string,  // (a decimal number, 0 or more)
  }, …],
  "stars": integer,  // (1 to 5)
  "code": string,  // (matches ^[A-Z]{2}$)
  "terms": string,  // (one to three whole sentences of the evidence, word for word)
}"""
    )


def test_a_draft_says_the_same_with_null_beside_each_value() -> None:
    drafted = listing(Order.draft())
    assert drafted.startswith("// What somebody ordered.\n")
    assert '  "stars": integer | null,  // (1 to 5)\n' in drafted
    assert '    "colour": "red" | "blue",\n' in drafted


class Tree(Contract, depth=2):
    """A branch."""

    name: str = Field(max_length=8)
    left: Tree | None = None


def test_a_contract_that_contains_itself_is_listed_once() -> None:
    assert listing(Tree).count('"name"') == 1
    assert "Tree (as above) | null" in listing(Tree)


def test_a_json_schema_is_listed_whole() -> None:
    node = {
        "type": "object",
        "description": "a step on the way",
        "properties": {"years": {"type": "integer", "minimum": 0}, "next": {"$ref": "#/$defs/step"}},
        "required": ["years"],
    }
    schema = {
        "$defs": {"step": node},
        "type": "object",
        "description": "A job.",
        "properties": {
            "salary": {"type": "string", "description": "As it is written: 80-95k."},
            "skills": {"type": "array", "items": {"enum": ["sql", "go"]}, "maxItems": 3},
            "path": {"$ref": "#/$defs/step"},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}], "items": False},
            "size": {"type": ["integer", "null"], "exclusiveMinimum": 5},
        },
        "required": ["salary"],
        "additionalProperties": False,
    }
    assert (
        listing(Contract.from_json_schema(schema))
        == """\
// A job.
{
  "salary": string,  // As it is written: 80-95k.
  "skills"?: ["sql" | "go", …],  // (at most 3 items)
  "path"?: {  // a step on the way
    "years": integer,  // (0 or more)
    "next"?: step (as above),
  },
  "pair"?: [integer, "x"],
  "size"?: integer | null,  // (more than 5)
}"""
    )


def test_what_has_no_words_of_its_own_is_told_as_json_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "dependentRequired": {"a": ["a"]}}
    assert 'also by JSON Schema: {"dependentRequired": {"a": ["a"]}}' in listing(Contract.from_json_schema(schema))
