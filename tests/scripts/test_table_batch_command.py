"""`interlock batch` on the rows of a table: one valid answer a row, under a contract or a schema."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import interlock

CONTRACT = """
from typing import Literal
from pydantic import Field
from models import Contract, Said

class Review(Contract):
    mood: Literal["good", "bad", "mixed"]
    stars: int = Field(ge=1, le=5)
    words: Said[str]
"""
TABLE = 'id,text,lang\nA1,"Great, ""really""",en\nA2,An awful lamp,de\nA2,Twice,de\nshort\n'


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_each_row_of_a_csv_is_answered_under_the_contract(tmp_path: Path) -> None:
    out = tmp_path / "out"
    contract = f"{write(tmp_path / 'review.py', CONTRACT)}:Review"
    given = ["batch", "-i", write(tmp_path / "r.csv", TABLE), "-o", out, "--contract", contract, "--id", "id"]
    given += ["--keep", "lang", "--system", "You read reviews."]
    prompt = write(tmp_path / "prompt.md", "{{What}} does this say?\n{text}\n")
    process = interlock(*given, "--prompt", prompt)
    assert process.returncode == 1, process.stderr  # rows were refused
    assert json.loads(process.stdout.splitlines()[-1])["request_counts"] == {"total": 4, "completed": 2, "failed": 2}
    first, second = sorted(rows(out / "output.jsonl"), key=lambda row: str(row["id"]))
    assert (first["id"], first["lang"], second["id"], second["lang"]) == ("A1", "en", "A2", "de")
    for row, said in ((first, 'Great, "really"'), (second, "An awful lamp")):
        assert row["mood"] in ("good", "bad", "mixed")
        assert row["stars"] in range(1, 6)
        assert row["words"] in f"{{What}} does this say? {said}"
    twice, short = rows(out / "errors.jsonl")
    assert (twice["id"], twice["row"]) == ("A2", 3)
    assert short["reason"] == "The row has 1 values for 3 columns."
    assert "An awful lamp" in interlock("inspect", out, "A2").stderr
    assert json.loads(interlock(*given, "--prompt", prompt).stdout.splitlines()[-1])["finished"] == 0
    other = interlock(*given, "--prompt", write(tmp_path / "other.md", "{text}"))
    assert other.returncode == 2
    assert "another contract, prompt" in " ".join(other.stderr.split())


def test_a_spreadsheet_s_csv_is_a_table_as_in_an_index(tmp_path: Path) -> None:
    schema = write(tmp_path / "s.json", json.dumps({"type": "object", "properties": {"tag": {"enum": ["a", "b"]}}}))
    sheet, out = tmp_path / "sheet.csv", tmp_path / "out"
    long = "so on " * 30_000  # more than the csv module reads by itself
    sheet.write_bytes(b"\xef\xbb\xbf" + f'nr;text;by\r\n7;"One, two; three";Ann\r\n8;{long};Ben\r\n'.encode())
    process = interlock("batch", "-i", sheet, "-o", out, "--schema", schema, "--id", "nr", "--keep", "by", "--prompt",
                        write(tmp_path / "p.md", "{by}"))  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert {(row["id"], row["by"]) for row in rows(out / "output.jsonl")} == {("7", "Ann"), ("8", "Ben")}
    process = interlock("batch", "-i", sheet, "-o", tmp_path / "o1")
    assert process.returncode == 2
    assert "is a table: say what its rows are answered under" in " ".join(process.stderr.split())
    sheet.write_bytes("nr;text\r\n7;Knödel\r\n".encode("cp1252"))
    process = interlock("batch", "-i", sheet, "-o", out, "--schema", schema)
    assert process.returncode == 2
    assert "sheet.csv cannot be read as a table (it is not UTF-8)" in " ".join(process.stderr.split())


def test_a_schema_lines_a_folder_and_a_limit(tmp_path: Path) -> None:
    schema = write(tmp_path / "s.json", json.dumps({"type": "object", "properties": {"tag": {"enum": ["a", "b"]}}}))
    lines = write(tmp_path / "in.jsonl", "".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(5)) + "[1]\n")
    out = tmp_path / "out"
    process = interlock("batch", "-i", lines, "-o", out, "--schema", schema, "--limit", "3")
    assert process.returncode == 0, process.stderr
    assert {row["id"] for row in rows(out / "output.jsonl")} == {"1", "2", "3"}
    process = interlock("batch", "-i", lines, "-o", out, "--schema", schema)
    assert json.loads(process.stdout.splitlines()[-1])["finished"] == 2
    assert [row["row"] for row in rows(out / "errors.jsonl")] == [6]
    more = write(tmp_path / "more.jsonl", '{"text": "row 5"}\n{"text": "row 6"}\n')
    process = interlock("batch", "-i", more, "-i", lines, "-o", tmp_path / "o1", "--schema", schema, "--limit", "3")
    assert process.returncode == 0, process.stderr
    first = {row["id"] for row in rows(tmp_path / "o1" / "output.jsonl")}
    assert first == {"more.jsonl:1", "more.jsonl:2", "in.jsonl:1"}
    texts = tmp_path / "texts"
    (texts / "deep").mkdir(parents=True)
    write(texts / "one.txt", "One lamp")
    write(texts / "deep" / "two.md", "Two lamps")
    misspelt = write(tmp_path / "m.json", '{"type": "object", "properties": {"n": {"enum": [1, 2], "minimun": 2}}}')
    process = interlock(
        "batch", "-i", texts, "-o", tmp_path / "o2", "--schema", misspelt, "--id", "name", "--keep", "text"
    )
    assert process.returncode == 0, process.stderr
    assert "says nothing by the standard, and is not obeyed: minimun." in " ".join(process.stderr.split())
    answers = {row["id"]: row["text"] for row in rows(tmp_path / "o2" / "output.jsonl")}
    assert answers == {"one.txt": "One lamp", "deep/two.md": "Two lamps"}


def test_what_holds_no_schema_is_not_taken_for_one_that_admits_everything(tmp_path: Path) -> None:
    lines = write(tmp_path / "in.jsonl", '{"text": "One lamp"}\n')
    tools = write(tmp_path / "tools.json", '{"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}')
    process = interlock("batch", "-i", lines, "-o", tmp_path / "out", "--schema", tools)
    assert process.returncode == 2
    assert "The schema has no keyword of JSON Schema, but tools: give one" in " ".join(process.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_parquet_file_is_a_table(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    schema = write(tmp_path / "s.json", json.dumps({"enum": ["a", "b"]}))
    source = tmp_path / "r.parquet"
    parquet.write_table(pa.table({"n": [1, 2], "text": ["one", None]}), source)
    process = interlock("batch", "-i", source, "-o", tmp_path / "out", "--schema", schema, "--keep", "n")
    assert process.returncode == 0, process.stderr
    assert sorted(row["n"] for row in rows(tmp_path / "out" / "output.jsonl")) == [1, 2]
    assert all(row["value"] in ("a", "b") for row in rows(tmp_path / "out" / "output.jsonl"))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    cut = interlock("batch", "-i", source, "-o", tmp_path / "o2", "--schema", schema)
    assert (cut.returncode, "r.parquet cannot be read" in cut.stderr.replace("\n", " ")) == (2, True)


def test_a_typed_parquet_file_comes_out_whatever_the_first_rows_hold(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    place = {
        "type": "object",
        "properties": {"row": {"type": "integer", "maximum": 9, "minimum": 0}},
        "required": ["row"],
    }
    properties = {"tag": {"enum": ["a"]}, "place": {"anyOf": [{"const": None, "type": "null"}, place]}, "free": True}
    properties |= {"many": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "maxItems": 2}}
    properties |= {"none": {"type": ["integer", "null"], "enum": [None]}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    source = write(tmp_path / "in.jsonl", "".join(json.dumps({"n": n, "s": "x" if n else n}) + "\n" for n in range(4)))
    given = ["--schema", write(tmp_path / "s.json", json.dumps(schema)), "--keep", "n", "--keep", "s", "--parquet"]
    process = interlock("batch", "-i", source, "-o", tmp_path / "out", *given)
    assert process.returncode == 0, process.stderr
    found = parquet.read_table(tmp_path / "out" / "output.parquet")
    types = {field.name: str(field.type).replace("element: ", "") for field in found.schema}
    assert types == {
        **{"id": "string", "n": "int64", "s": "string", "tag": "string", "place": "struct<row: int64>"},
        **{"free": "string", "many": "list<double>", "none": "int64"},
    }
    lines = {row["id"]: row for row in rows(tmp_path / "out" / "output.jsonl")}
    for row in found.to_pylist():
        assert {name: row[name] for name in ("n", "tag", "place", "many", "none")} == {
            name: lines[row["id"]][name] for name in ("n", "tag", "place", "many", "none")
        }
        assert row["free"] is None or isinstance(row["free"], str)


def sentence(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 2, process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    return " ".join(process.stderr.split())


def test_what_is_wrong_is_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    out, table = tmp_path / "out", write(tmp_path / "r.csv", TABLE)
    contract = write(tmp_path / "review.py", CONTRACT)
    good = ["batch", "-i", table, "-o", out, "--contract", f"{contract}:Review"]

    def prompt(text: str) -> list[str | Path]:
        return [*good, "--prompt", write(tmp_path / "p.md", text)]

    assert "stray brace" in sentence(interlock(*prompt("{text")))
    assert '"colour" is no column' in sentence(interlock(*prompt("{colour}")))
    assert "not known" in sentence(interlock(*prompt("{text!r}")))
    assert '"nr" is no column' in sentence(interlock(*good, "--keep", "nr"))
    assert "a field of the answer" in sentence(interlock(*good, "--keep", "mood"))
    assert "for a table" in sentence(interlock("batch", "-i", table, "-o", out, "--keep", "text"))
    assert "give --index, too" in sentence(interlock(*good, "--k", "8"))
    assert "--dry-run keeps none" in sentence(interlock(*good, "--dry-run", "--retry", "failed"))
    raising = write(tmp_path / "raises.py", "raise RuntimeError('no')\n")
    assert "cannot be loaded (RuntimeError" in sentence(interlock(*good[:-1], f"{raising}:Review"))
    assert "has no contract 'Other'" in sentence(interlock(*good[:-1], f"{contract}:Other"))
    broken = write(tmp_path / "s.json", '{"type": "odd"}')
    assert "$.type" in sentence(interlock(*good[:-2], "--schema", broken))
    assert "is not JSON" in sentence(interlock(*good[:-2], "--schema", write(tmp_path / "t.json", "{")))
    odd = write(tmp_path / "r.xlsx", "x")
    assert "no format that is read" in sentence(interlock("batch", "-i", odd, *good[3:]))
    assert not out.exists()


def test_a_schema_in_yaml_that_leads_to_its_neighbours_stays_what_it_was_in_the_folder_of_results(
    tmp_path: Path,
) -> None:
    (tmp_path / "schemas").mkdir()
    schema = write(
        tmp_path / "schemas" / "order.yaml",
        "type: object\nrequired: [tag]\nnonsense: 1\nproperties:\n  tag: {$ref: tag.json}\n",
    )
    tag = write(tmp_path / "schemas" / "tag.json", '{"enum": ["a", "b"]}')
    table, out = write(tmp_path / "in.jsonl", '{"text": "one"}\n{"text": "two"}\n'), tmp_path / "out"
    process = interlock("batch", "-i", table, "-o", out, "--schema", schema, "--parquet")
    assert process.returncode == 0, process.stderr
    assert "says nothing by the standard, and is not obeyed: nonsense" in " ".join(process.stderr.split())
    assert {row["tag"] for row in rows(out / "output.jsonl")} <= {"a", "b"}
    assert str(tmp_path) not in (out / "app.py").read_text(encoding="utf-8")
    write(tag, '{"enum": ["c"]}')
    process = interlock("batch", "-i", table, "-o", out, "--schema", schema)
    assert process.returncode == 2
    assert "was made with another contract" in " ".join(process.stderr.split())
    write(schema, "type: object\nproperties:\n  tag: {$ref: ../tag.json}\n")
    process = interlock("batch", "-i", table, "-o", tmp_path / "o1", "--schema", schema)
    assert process.returncode != 0
    assert "lies outside of" in " ".join(process.stderr.split())
    write(schema, "{type: object")
    process = interlock("batch", "-i", table, "-o", tmp_path / "o2", "--schema", schema)
    assert process.returncode == 2
    assert "order.yaml cannot be read as YAML" in " ".join(process.stderr.split())
    assert not (tmp_path / "o2").exists()
