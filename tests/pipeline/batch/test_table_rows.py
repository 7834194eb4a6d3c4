"""Rows of a table, of whatever a file holds: each value as JSON has it, and what cannot be read in one sentence."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import ContractError
from pipeline import UsageError, read_requests
from pipeline.batch.requests import LONGEST_LINE
from pipeline.batch.table_rows import table_rows
from pipeline.workflows.table import Table, app_of

SCHEMA = json.dumps({"type": "object", "properties": {"tag": {"enum": ["a", "b"]}}})


def columns(source: Path) -> list[dict[str, Any]]:
    values = [value for _, _, value in table_rows(source)]
    assert all(isinstance(value, dict) for value in values), values
    return [value["row"] for value in values if isinstance(value, dict)]


def written(path: Path, **columns: Any) -> Path:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    parquet.write_table(pa.table(columns), path)
    return path


def test_what_json_has_no_form_for_is_null_or_a_text(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    day = datetime.date(2026, 1, 2)
    deep = [{"a": float("nan"), "b": [1.5, float("-inf")]}, None, {"a": 1.0, "b": None}]
    source = written(tmp_path / "t.parquet", n=[float("inf"), float("nan"), 2.5], d=[day, None, day], deep=deep)
    assert columns(source) == [
        {"n": "Infinity", "d": "2026-01-02", "deep": {"a": None, "b": [1.5, "-Infinity"]}},
        {"n": None, "d": None, "deep": None},
        {"n": 2.5, "d": "2026-01-02", "deep": {"a": 1.0, "b": None}},
    ]
    source = written(tmp_path / "b.parquet", b=pa.array([b"M\xc3\xbcller", b"\xff\x00", None], pa.binary()))
    assert [row["b"] for row in columns(source)] == ["Müller", "/wA=", None]
    lines = tmp_path / "in.jsonl"
    lines.write_text('{"n": NaN, "m": [Infinity]}\n', encoding="utf-8")
    assert columns(lines) == [{"n": None, "m": ["Infinity"]}]


def test_times_in_nanoseconds_lose_nothing(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    times = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC"))
    whole = pa.array([1_700_000_000_123_456_000, None], pa.timestamp("ns"))
    rows = columns(written(tmp_path / "t.parquet", exact=times, whole=whole))
    assert rows[0] == {"exact": "2023-11-14 22:13:20.123456789Z", "whole": "2023-11-14 22:13:20.123456"}
    assert rows[1] == {"exact": None, "whole": None}


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    source = tmp_path / "t.parquet"
    parquet.write_table(pa.table([pa.array([1]), pa.array([2])], names=["text", "text"]), source)
    with pytest.raises(UsageError, match="has two columns 'text': rename one"):
        columns(source)


def test_a_row_that_is_too_long_is_refused_alone(tmp_path: Path) -> None:
    source = written(tmp_path / "t.parquet", text=["x" * 300_000, "y" * LONGEST_LINE, "z"])
    first, long, last = (value for _, _, value in table_rows(source))
    assert isinstance(first, dict)
    assert len(first["row"]["text"]) == 300_000
    assert str(long) == "The row is longer than 16 MiB."
    assert isinstance(last, dict)
    assert last["row"] == {"text": "z"}


def test_files_that_are_damaged_or_of_another_encoding_are_told_so(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a": 1}\n' * 2000)
    for name, content, told in (
        ("latin.csv", "name\nMüller\n".encode("latin-1"), "not UTF-8"),
        ("cut.jsonl.gz", packed[: len(packed) // 2], "it is damaged, or not what its name says"),
        ("torn.jsonl.gz", packed[:20] + b"\xff" * 8 + packed[28:], "it is damaged, or not what its name says"),
        ("torn.jsonl.xz", b"hello", "it is damaged, or not what its name says"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=f"{name} .*{told}"):
            columns(tmp_path / name)


def test_the_column_that_names_the_rows_is_named_where_it_does_not(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("Nr.,text\n1,a\n,b\n1,c\n", encoding="utf-8")
    asked = read_requests(source, app_of(Table(schema=SCHEMA, id="Nr.")).read, table_rows, "Nr.")
    assert [(bad.line, bad.reason) for bad in asked.bad_lines()] == [
        (2, '"Nr." is missing, or neither a text nor a whole number.'),
        (3, '"Nr." is the same as in line 1.'),
    ]
    with pytest.raises(UsageError, match=r'"number" is no column of this row: it has Nr\., text'):
        read_requests(source, app_of(Table(schema=SCHEMA, id="number")).read, table_rows, "number")


@pytest.mark.parametrize(
    ("schema", "keep", "told"),
    [
        ({"type": "object", "properties": {"id": {"enum": [1]}}}, (), "A field of the answer is called 'id'"),
        ({"type": "object", "properties": {"tag": {"enum": [1]}}}, ("tag",), "--keep tag is a field of the answer"),
        ({"enum": [1]}, ("id",), "--keep id would stand where a row's own id does: give --id id"),
        ({"type": "string", "maxLength": 3}, ("value",), "--keep value is a field of the answer"),
    ],
)
def test_an_answer_takes_nobody_elses_place(schema: dict[str, Any], keep: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        app_of(Table(schema=json.dumps(schema), keep=keep))


def test_a_field_that_no_schema_names_takes_nobody_elses_place_either() -> None:
    table = Table(schema=json.dumps({"type": "object"}), keep=("text",))
    assert table.answer({"text": "a lamp"}, {"mood": "good"}) == {"text": "a lamp", "mood": "good"}
    for field in ("text", "id"):
        with pytest.raises(UsageError, match=field):
            table.answer({"text": "a lamp"}, {field: "good"})


def test_a_contract_may_be_whatever_class_has_fields(tmp_path: Path) -> None:
    file = tmp_path / "answers.py"
    file.write_text(
        "from dataclasses import dataclass\nfrom pydantic import BaseModel\nfrom interlock import Contract\n"
        "class Model(BaseModel):\n    ok: bool\n@dataclass\nclass Data:\n    ok: bool\n"
        "class Own(Contract):\n    ok: bool\nclass Bare: pass\nname = 'none'\n"
    )
    for name in ("Model", "Data", "Own"):
        assert app_of(Table(contract=f"{file}:{name}", keep=("value",)))
        with pytest.raises(UsageError, match="--keep ok is a field of the answer as well"):
            app_of(Table(contract=f"{file}:{name}", keep=("ok",)))
    with pytest.raises(ContractError, match="Bare is no class with fields"):
        Table(contract=f"{file}:Bare").kind()
    with pytest.raises(UsageError, match="has no contract 'name'"):
        Table(contract=f"{file}:name").kind()
