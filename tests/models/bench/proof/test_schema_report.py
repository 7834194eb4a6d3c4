"""A folder of schemas: every file is reported, none stops the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.bench.proof.schema_report import SchemaReport, check_schemas

GROUP = {
    "description": "small integers",
    "schema": {"type": "integer", "minimum": 0, "maximum": 9},
    "tests": [
        {"description": "in", "valid": True, "data": 3},
        {"description": "out", "valid": False, "data": 30},
    ],
}


@pytest.fixture
def reports(tmp_path: Path) -> dict[str, SchemaReport]:
    files = {
        "a/one.json": json.dumps(GROUP),
        "a/suite.json": json.dumps([GROUP, GROUP | {"description": "texts", "schema": {"uniqueItems": True}}]),
        "bare.json": json.dumps({"type": "object", "properties": {"schema": {"type": "string"}}}),
        "broken.json": '{"type":',
        "constant.json": '{"const": NaN}',
        "latin.json": None,
        "list.json": json.dumps([1, {"tests": []}]),
        "number.json": "3",
        "remote.json": json.dumps({"properties": {"a": {"$ref": "https://example.org/x"}}}),
        "reordered.json": json.dumps(
            {
                "schema": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                    "required": ["a", "b"],
                },
                "tests": [{"valid": True, "data": {"b": 1, "a": 2}}, {"valid": False, "data": {"b": 1}}],
            }
        ),
        "notes.txt": "no schema",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b'{"const": "\xe9"}' if text is None else text.encode())
    return {report.path: report for report in check_schemas(tmp_path, attacks=5)}


def test_every_schema_of_every_file_is_reported(reports: dict[str, SchemaReport]) -> None:
    assert {path: report.status for path, report in reports.items()} == {
        "a/one.json": "enforced",
        "a/suite.json[0] small integers": "enforced",
        "a/suite.json[1] texts": "refused",
        "bare.json": "enforced",
        "broken.json": "broken",
        "constant.json": "broken",
        "latin.json": "broken",
        "list.json[0]": "broken",
        "list.json[1]": "broken",
        "number.json": "broken",
        "remote.json": "refused",
        "reordered.json": "enforced",
    }


def test_an_enforced_schema_is_counted(reports: dict[str, SchemaReport]) -> None:
    report = reports["a/one.json"]
    assert (report.valid_admitted, report.valid_total) == (1, 1)
    assert (report.invalid_admitted, report.invalid_total) == (0, 1)
    assert (report.attacks, report.failures, report.sound) == (5, 0, True)


def test_an_instance_counts_in_the_schema_s_order_too(reports: dict[str, SchemaReport]) -> None:
    assert (reports["reordered.json"].valid_admitted, reports["reordered.json"].invalid_admitted) == (1, 0)


def test_a_refused_schema_names_keyword_path_and_what_to_do(reports: dict[str, SchemaReport]) -> None:
    report = reports["remote.json"]
    assert (report.keyword, report.where) == ("$ref", "$.properties.a.$ref")
    assert report.reason.endswith("Copy what it refers to into $defs.")


def test_an_instance_that_the_grammar_should_not_admit_is_found(tmp_path: Path) -> None:
    """A wrong file: it calls an instance invalid that its schema admits."""
    wrong = GROUP | {"tests": [{"description": "mistaken", "valid": False, "data": 3}]}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    (report,) = check_schemas(tmp_path)
    assert (report.invalid_admitted, report.sound) == (1, False)
    assert report.details == ("admits an invalid instance: mistaken 3",)
