"""A folder of schemas: every file is reported by its level, none stops the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from models.bench.proof.schema_files import read_folder
from models.bench.proof.schema_folder import check_schemas
from models.bench.proof.schema_report import SchemaReport
from models.bench.proof.schema_trial import Trial

GROUP = {
    "description": "small integers",
    "schema": {"type": "integer", "minimum": 0, "maximum": 9},
    "tests": [
        {"description": "in", "valid": True, "data": 3},
        {"description": "out", "valid": False, "data": 30},
    ],
}
UNIQUE = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
REPEATED = [{"valid": False, "data": ["a", "a"]}, {"valid": True, "data": ["a", "b"]}]


def checked(folder: Path, attacks: int = 5, processes: int = 1, **options: bool) -> dict[str, SchemaReport]:
    reports = check_schemas(read_folder(folder), Trial(attacks, **options), processes)
    return {report.path: report for report in reports}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "a/one.json": json.dumps(GROUP),
        "a/suite.json": json.dumps([GROUP, GROUP | {"description": "texts", "schema": UNIQUE, "tests": REPEATED}]),
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
                    "properties": {"a": {"type": "integer"}, "b": {"type": "number"}},
                    "required": ["a", "b"],
                },
                "tests": [{"valid": True, "data": {"b": 1e-7, "a": 2}}, {"valid": False, "data": {"b": 1}}],
            }
        ),
        "notes.txt": "no schema",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b'{"const": "\xe9"}' if text is None else text.encode())
    return tmp_path


@pytest.fixture
def reports(folder: Path) -> dict[str, SchemaReport]:
    return checked(folder)


def test_every_schema_of_every_file_is_reported(reports: dict[str, SchemaReport]) -> None:
    assert {path: report.level for path, report in reports.items()} == {
        "a/one.json": "proven",
        "a/suite.json[0] small integers": "proven",
        "a/suite.json[1] texts": "checked",
        "bare.json": "proven",
        "broken.json": "broken",
        "constant.json": "broken",
        "latin.json": "broken",
        "list.json[0]": "broken",
        "list.json[1]": "broken",
        "number.json": "broken",
        "remote.json": "refused",
        "reordered.json": "proven",
    }


API = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "paths": {"/orders": {}},
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "properties": {"size": {"$ref": "#/components/schemas/a~1b"}},
                "required": ["size"],
            },
            "a/b": {"type": "integer", "minimum": 1, "maximum": 3, "nullable": True},
        }
    },
}
LIBRARY = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "http://example.org/lib.json",
    "definitions": {"n": {"$ref": "http://example.org/lib.json#/definitions/m"}, "m": {"type": "boolean"}},
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "pay", "parameters": {"type": "object", "properties": {"n": {"const": 1}}}},
    },
    {"name": "ship", "description": "Send it", "inputSchema": {"type": "object"}},
    {"name": "ping", "price": 3},
]


def test_each_schema_of_an_api_of_definitions_and_of_tools_is_a_case_of_its_own(tmp_path: Path) -> None:
    for name, content in (("api", API), ("library", LIBRARY), ("tools", {"tools": TOOLS}), ("data", [1, 2])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), "utf-8-sig")
    reports = checked(tmp_path)
    assert {path: (report.level, report.budget) for path, report in reports.items()} == {
        "api.json #/components/schemas/Order": ("proven", 15),
        "api.json #/components/schemas/a~1b": ("proven", 5),
        "data.json": ("broken", 0),
        "library.json #/definitions/n": ("proven", 6),
        "library.json #/definitions/m": ("proven", 6),
        "tools.json[0] pay": ("proven", 9),
        "tools.json[1] ship": ("proven", reports["tools.json[1] ship"].budget),
        "tools.json[2]": ("broken", 0),
    }
    assert reports["data.json"].keywords == {"$": "data.json is a list without any schema."}


def test_yaml_is_read_as_json_is(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(yaml.safe_dump(API, sort_keys=False) + "info: {date: 2026-01-01}\n")
    (tmp_path / "days.yml").write_text("enum: [2026-01-01]")
    found = checked(tmp_path)
    assert [report.level for report in found.values()] == ["proven"] * 3
    assert not any(report.ignored for report in found.values())
    assert found["days.yml"].budget == len('"2026-01-01"') + 1


def test_several_processes_say_the_same_in_the_same_order(folder: Path, reports: dict[str, SchemaReport]) -> None:
    found = checked(folder, processes=2)
    assert [(path, one.level, one.valid_admitted, one.failures) for path, one in found.items()] == [
        (path, one.level, one.valid_admitted, one.failures) for path, one in reports.items()
    ]


def test_an_enforced_schema_is_counted(reports: dict[str, SchemaReport]) -> None:
    report = reports["a/one.json"]
    assert (report.valid_admitted, report.valid_total) == (1, 1)
    assert (report.invalid_admitted, report.invalid_total) == (0, 1)
    assert (report.attacks, report.failures, report.sound, report.passing) == (5, 0, True, True)
    assert report.budget > 1


def test_what_the_grammar_is_too_loose_for_is_checked_after(reports: dict[str, SchemaReport]) -> None:
    report = reports["a/suite.json[1] texts"]
    assert report.keywords == {"$.uniqueItems": "has items that may be written twice"}
    assert (report.invalid_admitted, report.valid_admitted, report.failures) == (0, 1, 0)
    assert report.passing


def test_an_instance_counts_in_any_order_and_in_any_way_to_write_its_numbers(reports: dict[str, SchemaReport]) -> None:
    assert (reports["reordered.json"].valid_admitted, reports["reordered.json"].invalid_admitted) == (1, 0)


def test_a_refused_schema_names_path_and_what_to_do(reports: dict[str, SchemaReport]) -> None:
    ((where, reason),) = reports["remote.json"].keywords.items()
    assert where == "$.properties.a.$ref"
    assert reason.endswith("Put that file there (nothing is fetched), or copy what it refers to into $defs.")


def test_level_proven_can_be_demanded_and_known_formats_too(tmp_path: Path) -> None:
    (tmp_path / "unique.json").write_text(json.dumps(UNIQUE))
    (tmp_path / "format.json").write_text(json.dumps({"type": "string", "format": "colour"}))
    assert [report.level for report in checked(tmp_path).values()] == ["proven", "checked"]
    assert checked(tmp_path)["format.json"].ignored == ('format "colour"',)
    assert [report.level for report in checked(tmp_path, proven=True).values()] == ["proven", "refused"]
    assert [report.level for report in checked(tmp_path, strict=True).values()] == ["refused", "checked"]


def test_a_sample_is_drawn_by_its_seed(folder: Path) -> None:
    drawn = [[case.path for case in read_folder(folder, 3, seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_instance_that_the_grammar_should_not_admit_is_found(tmp_path: Path) -> None:
    """A wrong file: it calls an instance invalid that its schema admits."""
    wrong = GROUP | {"tests": [{"description": "mistaken", "valid": False, "data": 3}]}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    (report,) = checked(tmp_path).values()
    assert (report.invalid_admitted, report.sound) == (1, False)
    assert report.details == ("admits an invalid instance: mistaken 3",)


def test_what_is_no_schema_is_not_proven(tmp_path: Path) -> None:
    (tmp_path / "deep.yml").write_text("a: [")
    (tmp_path / "package.json").write_text('{"name": "shop", "version": "1.0"}')
    found = checked(tmp_path)
    assert {report.level for report in found.values()} == {"broken"}
    said = [report.keywords["$"] for report in found.values()]
    assert said[0].startswith("deep.yml cannot be read as YAML: ")
    assert said[1] == "package.json has no keyword of JSON Schema, but name, version."


def test_schemas_behind_links_are_found_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "there" / "deep" / "a.JSON").write_text('{"type": "null"}')
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "deep" / "up").symlink_to(tmp_path / "there")
    (tmp_path / "here" / "gone.json").symlink_to(tmp_path / "nowhere")
    found = {case.path: case.schema for case in read_folder(tmp_path / "here")}
    assert found.pop("link/deep/a.JSON") == {"type": "null"}
    assert [*found] == ["gone.json"]
    assert "No such file" in found["gone.json"]
