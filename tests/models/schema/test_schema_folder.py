"""References from file to file: found in the folder that was given, by place or by id, and nowhere else."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from random import Random
from typing import Any

import pytest
from llguidance import LLTokenizer
from pydantic import ValidationError

from models import Contract
from models.bench.proof.random_walk import random_walk
from models.grammar.grammar import compile_grammar
from models.schema import SchemaFile, SchemaFolder, SchemaRefused

SEVEN = {"$schema": "http://json-schema.org/draft-07/schema#"}
ZIP = {"type": "string", "pattern": "^[0-9]{5}$"}
ADDRESS = {"type": "object", "properties": {"zip": ZIP}, "required": ["zip"], "additionalProperties": False}


def holder(ref: str, **beside: Any) -> dict[str, Any]:
    return {**beside, "type": "object", "properties": {"at": {"$ref": ref}}, "required": ["at"]}


def contract_of(folder: Path, files: dict[str, Any], name: str = "") -> type[Contract]:
    """The contract of the file `name`, else of the first."""
    for path, schema in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(schema if isinstance(schema, str) else json.dumps(schema))
    file = SchemaFolder(folder).file(name or next(iter(files)))
    return Contract.from_json_schema(file.schema, file=file)


def admits_what_the_address_does(contract: type[Contract]) -> None:
    assert contract.checked_after() == ()
    for seed in range(5):
        text = random_walk(compile_grammar(contract), LLTokenizer("byte"), Random(seed)).text
        assert set(json.loads(text)["at"]) == {"zip"}
        contract.model_validate_json(text)
    with pytest.raises(ValidationError, match="does not match"):
        contract.model_validate_json('{"at":{"zip":"9"}}')


HOST = "https://example.org/schemas/"


@pytest.mark.parametrize(
    ("ref", "root", "files"),
    [
        ("address.json", {}, {"address.json": ADDRESS}),
        ("parts/address.json#", {}, {"parts/address.json": ADDRESS}),
        ("./parts/../parts/address%20book.json", {}, {"parts/address book.json": ADDRESS}),
        ("address.json#/$defs/a~1b", {}, {"address.json": {"$defs": {"a/b": ADDRESS}}}),
        ("address.json#here", SEVEN, {"address.json": {"$defs": {"a": {"$anchor": "here", **ADDRESS}}}}),
        ("address.yaml", {}, {"address.yaml": "# YAML\n" + json.dumps(ADDRESS)}),
        ("address", {"$id": HOST + "root"}, {"a.json": {"$id": HOST + "address", **ADDRESS}}),
        (HOST + "address", {}, {"deep/er/a.json": {"$id": HOST + "address#", **ADDRESS}}),
        ("/address", {"$id": "/root"}, {"a.json": {"$id": "/address", **ADDRESS}}),
        ("urn:example:address", {}, {"a.json": {"$id": "urn:example:address", **ADDRESS}}),
        ("a.json", {"id": HOST + "root.json"}, {"a.json": ADDRESS}),
        (HOST + "parts/a.json", {"$id": HOST + "root.json"}, {"parts/a.json": ADDRESS}),
        ("a.json", {"$id": "somewhere/root.json"}, {"somewhere/a.json": ADDRESS}),
        ("a.json", {"$id": "schemas/root.json"}, {"a.json": {"$id": "schemas/a.json", **ADDRESS}}),
        ("a.json", {}, {"a.json": {"$id": "x/y/a.json", "allOf": [{"$ref": "b.json"}]}, "b.json": ADDRESS}),
        ("a.json#/components/schemas/A", {}, {"a.json": {"openapi": "3", "components": {"schemas": {"A": ADDRESS}}}}),
        ("a.json", {}, {"a.json": {"$ref": "b.json"}, "b.json": {"$ref": "#/$defs/c", "$defs": {"c": ADDRESS}}}),
    ],
)  # fmt: skip
def test_a_reference_leads_to_another_file(ref: str, root: Any, files: dict[str, Any], tmp_path: Path) -> None:
    admits_what_the_address_does(contract_of(tmp_path, {"root.json": holder(ref, **root), **files}))


def test_a_file_in_a_folder_below_leads_to_one_above(tmp_path: Path) -> None:
    files = {"one/root.json": holder("../two/address.json"), "two/address.json": ADDRESS}
    admits_what_the_address_does(contract_of(tmp_path, files))


def test_files_that_lead_into_each_other_are_read_in_circles(tmp_path: Path) -> None:
    node = {"type": "object", "properties": {"up": {"$ref": "list.json"}, "zip": ZIP}, "additionalProperties": False}
    files = {"list.json": {"type": "array", "items": {"$ref": "node.json"}}, "node.json": node}
    contract = contract_of(tmp_path, files)
    assert contract.model_validate_json('[{"up":[{"zip":"12345"}]}]')
    with pytest.raises(ValidationError, match=r"\$\[0\]\.up\[0\]\.zip"):
        contract.model_validate_json('[{"up":[{"zip":"1"}]}]')
    assert contract.contract_hash() == contract_of(tmp_path, files).contract_hash()
    with pytest.raises(SchemaRefused, match="refers to itself without a property"):
        contract_of(tmp_path, {"a.json": {"allOf": [{"$ref": "b.json"}]}, "b.json": {"$ref": "a.json"}})


def test_each_file_is_read_by_its_own_draft(tmp_path: Path) -> None:
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "integer",
        "minimum": 3,
        "exclusiveMinimum": True,
    }
    beside = {**SEVEN, "definitions": {"any": {}}, "$ref": "#/definitions/any", "maxLength": 1}
    contract = contract_of(
        tmp_path,
        {"root.json": {"properties": {"a": {"$ref": "old.json"}, "b": {"$ref": "beside.json", "maxLength": 3}}},
         "old.json": old, "beside.json": beside},
    )  # fmt: skip
    assert contract.model_validate_json('{"a":4,"b":"abc"}')  # beside a $ref nothing counts in draft 7; in 2020-12 all
    for text in ('{"a":3}', '{"b":"abcd"}'):
        with pytest.raises(ValidationError):
            contract.model_validate_json(text)


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("../outside.json", "lies outside of"),
        ("%2e%2e/outside.json", "lies outside of"),
        ("a/../../outside.json", "lies outside of"),
        ("/etc/hostname", "lies outside of"),
        ("file:///etc/hostname", "lies outside of"),
        ("https://example.org/outside.json", r"is no file of .*nothing is fetched"),
        ("missing.json", "is no file of"),
        ("a.json#/nowhere", "and a.json has nothing there"),
        ("broken.json", "and broken.json cannot be read as JSON: Expecting"),
        ("twice", r"is the \$id of one.json and two.json. Keep one"),
        ("a.json#/title", "which is no schema"),
    ],
)
def test_a_reference_that_leads_nowhere_or_outside_is_refused(ref: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    twice = {name: {"$id": "/twice", "type": kind} for name, kind in (("one.json", "null"), ("two.json", "array"))}
    files = {
        "root.json": holder("/twice" if ref == "twice" else ref),
        "a.json": {"title": "A"},
        "broken.json": "{",
        **twice,
    }
    with pytest.raises(SchemaRefused, match=told) as refused:
        contract_of(tmp_path / "inside", files)
    assert refused.value.path == "$.properties.at.$ref"


def test_what_is_dynamic_across_files_is_refused(tmp_path: Path) -> None:
    tree = {"$dynamicAnchor": "node", "type": "object", "properties": {"children": {"items": {"$dynamicRef": "#node"}}}}
    strict = {"$dynamicAnchor": "node", "$ref": "tree.json", "unevaluatedProperties": False}
    assert contract_of(tmp_path, {"root.json": {"$ref": "tree.json"}, "tree.json": tree})
    with pytest.raises(SchemaRefused, match="several schemas of one dynamic anchor"):
        contract_of(tmp_path, {"strict.json": strict, "tree.json": tree})


def test_a_file_by_itself_has_its_neighbours(tmp_path: Path) -> None:
    contract_of(tmp_path, {"root.json": holder(HOST + "a"), "a.json": {"$id": HOST + "a", **ADDRESS}})
    file = SchemaFile.beside(tmp_path / "root.json")
    admits_what_the_address_does(Contract.from_json_schema(file.schema, file=file))
    with pytest.raises(SchemaRefused, match="which is not in this schema"):
        Contract.from_json_schema(file.schema)


def test_a_schema_that_leads_to_no_other_file_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    schema = {**holder("#/$defs/x"), "$id": "sub/x.json", "$defs": {"x": {"$id": "y", "items": {"$ref": "x.json"}}}}
    assert (
        contract_of(tmp_path, {"x.json": schema}).contract_hash() == Contract.from_json_schema(schema).contract_hash()
    )


def test_what_a_contract_of_several_files_is_made_of_is_told_as_one(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, {"root.json": holder("address.json"), "address.json": ADDRESS})
    alone = contract.model_json_schema()
    assert alone["properties"]["at"] == {"$ref": "#/$defs/address"}
    assert Contract.from_json_schema(alone).contract_hash() == contract.contract_hash()


def test_a_process_that_is_handed_files_of_a_folder_one_by_one_reads_it_once(tmp_path: Path) -> None:
    folder = SchemaFolder(tmp_path)
    one, other = (pickle.loads(pickle.dumps(folder.file(name))) for name in ("a.json", "b.json"))
    assert one.folder is other.folder is not folder
    assert (one.name, other.path) == ("a.json", folder.path / "b.json")
