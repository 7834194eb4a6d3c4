"""A contract made of a JSON Schema behaves like any other, and its value is the JSON itself."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from llguidance import LLTokenizer
from pydantic import TypeAdapter, ValidationError, create_model

from models import Contract, ContractError
from models.bench.proof.random_walk import random_walk
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits
from models.schema import Bounds, JsonValue, SchemaRefused, choices, listing, normal

BYTES = LLTokenizer("byte")
TICKET: dict[str, Any] = {
    "title": "Ticket",
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 10},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title"],
}


@pytest.mark.parametrize("text", ['{"title":"a"}', '{"title":"a","tags":["x"]}'])
def test_what_is_read_is_given_back(text: str) -> None:
    ticket = Contract.from_json_schema(TICKET, name="Ticket")
    value = ticket.model_validate_json(text)
    assert value.public() == value.model_dump(mode="json") == value.value == json.loads(text)
    assert json.loads(value.model_dump_json()) == json.loads(text)
    assert ticket.model_validate_json(value.model_dump_json()) == value
    assert ticket(value.value) == value
    assert TypeAdapter(ticket).validate_json(text) == value


@pytest.mark.parametrize(("schema", "text"), [({"type": "integer"}, "3"), ({"type": "null"}, "null"), (True, "[1]")])
def test_any_type_may_be_at_the_top(schema: dict[str, Any] | bool, text: str) -> None:
    contract = Contract.from_json_schema(schema)
    assert contract.model_validate_json(text).public() == json.loads(text)
    assert admits(compile_grammar(contract), text)


def test_an_object_with_a_property_called_value_is_no_special_case() -> None:
    contract = Contract.from_json_schema({"type": "object", "properties": {"value": {"type": "integer"}}})
    assert contract.model_validate_json('{"value":1}').public() == {"value": 1}
    assert contract.model_validate({"value": 1}).public() == {"value": 1}


def test_a_grammar_without_ends_has_no_rule_that_nothing_leads_to_and_writes_anything_once() -> None:
    asked = {"a": {}, "b": {"items": {}}, "c": {"description": "Whatever it is."}, "d": TICKET}
    contract = Contract.from_json_schema({"type": "object", "properties": asked, "required": ["a", "b"]})
    lark = compile_grammar(contract, open=True).lark
    assert lark.count('"true"') == 1
    unread, todo = dict(line.split(": ", 1) for line in lark.split("\n")), ["start"]
    while todo:
        todo += re.findall(r"\w+", unread.pop(todo.pop(), ""))
    assert not unread


def test_journals_recognise_the_contract_of_a_schema() -> None:
    free = Contract.from_json_schema({"type": "object", "properties": {"a": {}}, "additionalProperties": True})
    assert Contract.from_json_schema(TICKET, name="Ticket").contract_hash() == "7bc00265539ff312"
    assert free.contract_hash() == "03815c4ccbc8e57d"


def test_an_invalid_value_says_where_and_why() -> None:
    ticket = Contract.from_json_schema(TICKET, name="Ticket")
    with pytest.raises(ValidationError, match=r"\$\.tags\[0\]: 3 is not of type 'string'"):
        ticket.model_validate_json('{"title":"a","tags":[3]}')
    with pytest.raises(ValidationError, match="Invalid JSON"):
        ticket.model_validate_json('{"title":')


def test_the_hash_follows_the_grammar_and_not_the_words_around_it() -> None:
    ticket = Contract.from_json_schema(TICKET)
    assert ticket.contract_hash() == Contract.from_json_schema(TICKET | {"description": "new"}).contract_hash()
    assert ticket.contract_hash() != Contract.from_json_schema(TICKET | {"required": []}).contract_hash()
    assert ticket.contract_hash() != Contract.from_json_schema(TICKET, bounds=Bounds(text=9)).contract_hash()


def test_it_asks_nothing_and_has_no_draft() -> None:
    ticket = Contract.from_json_schema(TICKET, name="Ticket")
    assert issubclass(ticket, JsonValue)
    assert (ticket.questions(), ticket.private_fields(), ticket.checked_after()) == ({}, (), ())
    assert ticket.model_json_schema()["required"] == ["title"]
    with pytest.raises(ContractError, match=r"Ticket was made from a JSON Schema.*Declare a Contract class"):
        ticket.draft()


def test_it_nests_in_a_class() -> None:
    ticket = Contract.from_json_schema(TICKET, name="Ticket")

    reply = create_model(
        "Reply", __base__=Contract, count=(int, ...), ticket=(ticket, ...), spare=(ticket | None, None)
    )
    for seed in range(20):
        text = random_walk(compile_grammar(reply), BYTES, Random(seed)).text
        assert reply.model_validate_json(text).public() == json.loads(text)


def test_what_reads_values_is_made_at_the_first_value() -> None:
    contract = Contract.from_json_schema(TICKET)
    compile_grammar(contract)
    assert not contract.__pydantic_complete__
    assert contract.model_validate_json('{"title":"a"}').public() == {"title": "a"}
    assert contract.__pydantic_complete__


def test_what_has_read_a_value_nests_as_well() -> None:
    ticket, number = (Contract.from_json_schema(schema, name="Value") for schema in (TICKET, {"type": "integer"}))
    assert [ticket({"title": "a"}).value, number(4).value] == [{"title": "a"}, 4]
    reply = create_model("Reply", __base__=Contract, ticket=(ticket, ...), spare=(number | None, None))
    text = '{"ticket":{"title":"b"},"spare":3}'
    assert reply.model_validate_json(text).model_dump_json() == text
    with pytest.raises(ValidationError, match="'b' is not of type 'integer'"):
        reply.model_validate({"ticket": {"title": "b"}, "spare": "b"})


def test_a_schema_may_be_changed_afterwards() -> None:
    schema = {"type": "integer", "maximum": 5}
    contract = Contract.from_json_schema(schema)
    schema["maximum"] = 50
    with pytest.raises(ValidationError):
        contract.model_validate_json("9")


@pytest.mark.parametrize(
    ("schema", "bounds", "admitted", "not_admitted"),
    [
        ({"type": "string"}, Bounds(text=3), '"abc"', '"abcd"'),
        ({"type": "array", "items": {"type": "null"}}, Bounds(items=2), "[null,null]", "[null,null,null]"),
        (
            {"type": "object", "additionalProperties": {"type": "null"}},
            Bounds(properties=1),
            '{"a":null}',
            '{"a":null,"b":null}',
        ),
        ({"type": "object", "additionalProperties": {"type": "null"}}, Bounds(key=2), '{"ab":null}', '{"abc":null}'),
        ({"type": "integer"}, Bounds(digits=2), "-99", "100"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, Bounds(depth=2), '{"a":{}}', '{"a":{"a":{}}}'),
    ],
)
def test_bounds_hold_where_the_schema_says_nothing(
    schema: dict[str, Any], bounds: Bounds, admitted: str, not_admitted: str
) -> None:
    grammar = compile_grammar(Contract.from_json_schema(schema, bounds=bounds))
    assert admits(grammar, admitted)
    assert not admits(grammar, not_admitted)
    assert grammar.max_tokens > len(admitted)


def test_a_bound_below_zero_is_refused() -> None:
    with pytest.raises(ContractError, match=r"Bounds\.items is -1\. Make it 0 or more\."):
        Bounds(items=-1)


def test_the_table_of_bounds_names_the_properties() -> None:
    grammar = compile_grammar(Contract.from_json_schema(TICKET, name="Ticket"))
    assert {bound.field for bound in grammar.bounds} >= {
        "Ticket $",
        "Ticket $.properties.title",
        "Ticket $.properties.tags",
    }


def test_the_only_text_of_a_const_is_forced() -> None:
    contract = Contract.from_json_schema({"const": {"a": [1, "b"]}})
    assert compile_grammar(contract).constant == '{"a":[1,"b"]}'
    assert admits(compile_grammar(contract), '{"a":[1,"b"]}')


@pytest.mark.parametrize("schema", [{"type": "number", "maximum": float("nan")}, {"enum": [{1, 2}]}, [], "string"])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaRefused):
        Contract.from_json_schema(schema)


def test_an_id_that_is_no_address_names_itself() -> None:
    odd = {"$id": "http://[odd", "type": "integer"}
    schema = {"$id": "http://a/b", "properties": {"a": odd, "b": {"$ref": "http://[odd"}}, "required": ["b"]}
    assert admits(compile_grammar(Contract.from_json_schema(schema)), '{"b":3}')
    with pytest.raises(SchemaRefused, match="which is not in this schema"):
        Contract.from_json_schema({"$id": "http://a/b", "$ref": "http://[other"})


def test_a_schema_that_is_nested_without_measure_is_refused() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(2000):
        schema = {"type": "array", "items": schema, "maxItems": 1}
    with pytest.raises(SchemaRefused):
        Contract.from_json_schema(schema)


def test_bounds_that_were_asked_for_hold_where_an_end_is_not_needed() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    assert compile_grammar(Contract.from_json_schema(schema)).open
    bounded = Contract.from_json_schema(schema, bounds=Bounds(text=80, items=5))
    assert not compile_grammar(bounded).open

    class Page(Contract):
        notes: list[str]
        rows: bounded  # type: ignore[valid-type]

    assert "{0,4}" in compile_grammar(Page).open


@pytest.mark.parametrize("named", ["anyOf", "oneOf"])
def test_many_constants_are_no_more_looked_at_than_a_list_of_them(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: of 400 constants each was once compared with all others, or judged beside all of them."""
    judged: list[object] = []
    oracle = listing.oracle
    monkeypatch.setattr(listing, "oracle", lambda *of: judged.append(of) or oracle(*of))
    compared: list[object] = []
    disjoint = choices.disjoint
    monkeypatch.setattr(choices, "disjoint", lambda *of: compared.append(of) or disjoint(*of))
    contract = Contract.from_json_schema({named: [{"const": f"value {number}"} for number in range(400)]})
    assert not judged
    assert not compared
    assert admits(compile_grammar(contract), '"value 399"')
    assert not admits(compile_grammar(contract), '"value 400"')


def test_constants_that_two_alternatives_list_fit_one_of_them_only_where_any_may() -> None:
    consts = [{"const": 1}, {"const": 1.0}, {"const": True}, {"const": "1"}]
    one, some = (compile_grammar(Contract.from_json_schema({named: consts})) for named in ("oneOf", "anyOf"))
    assert [admits(one, text) for text in ("1", "true", '"1"')] == [False, True, True]
    assert [admits(some, text) for text in ("1", "true", '"1"')] == [True, True, True]


def test_objects_told_apart_by_a_constant_are_compared_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    disjoint = choices.disjoint
    monkeypatch.setattr(choices, "disjoint", lambda *of: compared.append(of) or disjoint(*of))
    kinds = [{"type": "object", "properties": {"kind": {"const": n}}, "required": ["kind"]} for n in range(20)]
    assert Contract.from_json_schema({"oneOf": kinds}).checked_after() == ()
    assert not compared
    kinds[3] = {**kinds[3], "properties": {"kind": {"enum": [3, 4]}}}
    assert Contract.from_json_schema({"oneOf": kinds}).checked_after() or compared


def test_what_describes_an_api_is_no_schema_and_says_how_to_name_one() -> None:
    api = {"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"Pet": {"type": "string"}}}}
    with pytest.raises(
        SchemaRefused, match=r'describes an API, with 1 schemas, .*\{"\$ref": "#/components/schemas/Pet"\}'
    ):
        Contract.from_json_schema(api)
    pet = Contract.from_json_schema({**api, "$ref": "#/components/schemas/Pet"})
    assert pet.model_validate_json('"Rex"').public() == "Rex"
    with pytest.raises(SchemaRefused, match="is of type function, and has no schema in it"):
        Contract.from_json_schema({"type": "function", "function": {"name": "ping"}})


LISTED = [0, 1, 2.5, 1.0, "a", "bb", None, True, False]


@pytest.mark.parametrize(
    "beside",
    [
        {"anyOf": [{"$ref": "#/$defs/near"}, {"type": "array"}, {"pattern": "^b", "type": "string"}]},
        {"oneOf": [{"type": "number"}, {"$ref": "#/$defs/near"}, {"minLength": 2}]},
        {"allOf": [{"not": {"$ref": "#/$defs/near"}}, {"type": ["string", "boolean", "number"]}]},
        {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"enum": [0, False, 2.5]}},
        {"anyOf": [{"const": 1}, {"const": True}, {"const": "a"}], "multipleOf": 1, "required": ["x"], "minItems": 3},
        {"$ref": "#/$defs/near", "dependentSchemas": {"x": False}, "maximum": 0},
    ],
)
def test_of_the_values_listed_those_are_written_that_fit_what_stands_beside(beside: dict[str, Any]) -> None:
    near = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}, {"const": "a"}]}
    schema = {**beside, "enum": LISTED, "$defs": {"near": near}}
    grammar = compile_grammar(Contract.from_json_schema(schema), open=True)
    told = [value for value in LISTED if Draft202012Validator(schema).is_valid(value)]
    assert [value for value in LISTED if admits(grammar, json.dumps(value))] == told
    assert 0 < len(told) < len(LISTED)


def test_choices_inside_choices_are_written_out_in_a_large_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal, "_STEPS", 400)
    inner = {"anyOf": [{"type": "string", "pattern": "^[a-c]$"}, {"type": "boolean"}]}
    outer = {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "integer"}]}
    fields = {f"field{n}": {"title": str(n), "anyOf": [{"$ref": "#/$defs/outer"}, {"type": "null"}]} for n in range(30)}
    large = {"type": "object", "properties": fields, "required": [*fields], "$defs": {"inner": inner, "outer": outer}}
    contract = Contract.from_json_schema(large)
    assert contract.checked_after() == ()
    for value in ("a", True, 3, None, [1], "d"):
        text = json.dumps(dict.fromkeys(fields, value), separators=(",", ":"))
        assert admits(compile_grammar(contract), text) is (value not in ([1], "d"))


@pytest.mark.parametrize("draft", [4, 6, 7])
def test_a_schema_may_hold_a_schema_of_a_draft_that_is_one_document(draft: int) -> None:
    address = f"http://json-schema.org/draft-0{draft}/schema"
    fields = {"is": {"$ref": f"{address}#"}, "most": {"$ref": f"{address}#/properties/maxLength"}}
    contract = Contract.from_json_schema({"type": "object", "properties": fields})
    grammar = compile_grammar(contract, open=True)
    assert admits(grammar, '{"is":{"properties":{"a":{"minLength":3,"type":["null","string"]}}},"most":3}')
    for text in ('{"is":{"type":"text"}}', '{"is":{"properties":{"a":{"minLength":-3}}}}', '{"most":-1}'):
        assert not admits(grammar, text)
        with pytest.raises(ValidationError):
            contract.model_validate_json(text)
    with pytest.raises(SchemaRefused, match=r"2020-12/schema.*which is not in this schema"):
        Contract.from_json_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def test_a_wrong_value_is_told_back() -> None:
    with pytest.raises(SchemaRefused, match=r'\$\.properties\.a\.type is "float", not a type\. Use null, boolean'):
        Contract.from_json_schema({"type": "object", "properties": {"a": {"type": "float"}}})
    with pytest.raises(SchemaRefused, match=r'\$\.minLength is "3", not a number of things'):
        Contract.from_json_schema({"minLength": "3"})
