"""Answers as Parquet: whatever a schema says and rows hold, a file comes out, and nothing of an answer is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch.parquet import write_parquet

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
WHOLE = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}


def written(
    folder: Path, schema: dict[str, Any], keep: Sequence[str], *rows: dict[str, Any]
) -> tuple[dict[str, str], Any]:
    """The columns with their types, and the rows that were read back."""
    from pyarrow import parquet

    output = folder / "output.jsonl"
    output.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    table = parquet.read_table(write_parquet(output, schema, keep))
    return {field.name: str(field.type) for field in table.schema}, table.to_pylist()


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([2**63 - 1, None, -(2**63)], "int64", [2**63 - 1, None, -(2**63)]),
        ([2**64 - 1, 1], "string", [str(2**64 - 1), "1"]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([2, 0.5], "double", [2.0, 0.5]),
        ([True, 1], "string", ["true", "1"]),
        ([None, None], "string", [None, None]),
        ([{"x": [1]}, "y"], "string", ['{"x": [1]}', "y"]),
        ([{"x": 1}, {"y": 2.5}], "struct<x: int64, y: double>", [{"x": 1, "y": None}, {"x": None, "y": 2.5}]),
        ([{"x": [{"z": None}]}, None], "struct<x: list<element: struct<z: string>>>", [{"x": [{"z": None}]}, None]),
        ([[1, 2], [], None], "list<element: int64>", [[1, 2], [], None]),
        ([[1, "a"]], "list<element: string>", [["1", "a"]]),
        ([{}, None], "string", ["{}", None]),
        ([[1], {"x": 1}], "string", ["[1]", '{"x": 1}']),
        ([{str(n): n} for n in range(150)], "string", [f'{{"{n}": {n}}}' for n in range(150)]),
    ],
)
def test_a_column_that_is_kept_has_the_type_of_its_values(
    tmp_path: Path, values: list[Any], kind: str, kept: list[Any]
) -> None:
    rows = [{"id": str(number), "b": value, "a": 1} for number, value in enumerate(values)]
    types, found = written(tmp_path, WHOLE, ["b"], *rows)
    assert types == {"id": "string", "b": kind, "a": "int64"}
    assert [row["b"] for row in found] == kept


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {**WHOLE, "additionalProperties": {}},
        {"type": "object"},
    ],
)
def test_an_answer_of_whatever_fields_is_kept_whole(tmp_path: Path, schema: dict[str, Any]) -> None:
    types, (row,) = written(tmp_path, schema, ["text"], {"id": "1", "text": "a lamp", "a": 1, "more": 2})
    assert types == {"id": "string", "text": "string", "value": "string"}
    assert (row["text"], json.loads(row["value"])) == ("a lamp", {"a": 1, "more": 2})


@pytest.mark.parametrize(
    ("schema", "value", "kind", "kept"),
    [
        ({"type": ["integer", "string", "null"]}, "x", "string", "x"),
        ({"type": "integer", "maximum": 10**30, "minimum": 10**29}, 10**29, "string", str(10**29)),
        ({"type": "integer", "exclusiveMaximum": 2.5}, 2, "int64", 2),
        ({"type": "number"}, 7, "double", 7.0),
        ({"enum": [1, 2, None]}, 2, "int64", 2),
        ({"const": True}, True, "bool", True),
        ({"enum": ["a", 1]}, 1, "string", "1"),
        ({"allOf": [{"$ref": "#/$defs/Stars"}], "description": "How many?"}, 3, "int64", 3),
        ({"$ref": "#/definitions/Old"}, [True], "list<element: bool>", [True]),
        ({"$ref": "#/properties/a~1b"}, 2.5, "double", 2.5),
        ({"$ref": "https://elsewhere/schema"}, 2, "string", "2"),
        ({"$ref": "#an-anchor"}, 2, "string", "2"),
        ({"$ref": "#/$defs/Node"}, {"next": {"next": None}}, "struct<next: string>", {"next": '{"next": null}'}),
        ({"type": "object", "properties": {}}, {}, "string", "{}"),
    ],
)
def test_a_field_has_the_type_that_its_schema_says(
    tmp_path: Path, schema: dict[str, Any], value: Any, kind: str, kept: Any
) -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}
    whole = {
        "type": "object",
        "properties": {"a": schema, "a/b": {"type": "number"}} if "a~1b" in str(schema) else {"a": schema},
        "$defs": {"Stars": {"type": "integer"}, "Node": node},
        "definitions": {"Old": {"type": "array", "items": {"type": "boolean"}}},
    }
    types, (row, none) = written(tmp_path, whole, [], {"id": "1", "a": value}, {"id": "2", "a": None})
    assert (types["id"], types["a"]) == ("string", kind)
    assert (row["a"], none["a"]) == (kept, None)
