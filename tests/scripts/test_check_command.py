from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import interlock

GOOD = """
from typing import Generic, TypeVar
from pydantic import Field, field_validator
from models import Contract, Said, Scratchpad

T = TypeVar("T")

class Order(Contract):
    thinking: Scratchpad
    city: Said[str]
    seats: int = Field(ge=1, le=9)

    @field_validator("seats")
    @classmethod
    def even(cls, seats: int) -> int:
        if seats % 2:
            raise ValueError("odd")
        return seats

class Page(Contract, Generic[T]):
    item: T

Flags = Page[bool]
"""
BAD = """
class Broken(Contract):
    anything: complex

class Later(Contract):
    flag: bool
"""


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_sample_app_holds() -> None:
    done = interlock("check", "--attacks", 3)
    found = report(done)
    assert done.returncode == 0, done.stderr
    assert found["contracts"] == found["drafts"] > 8
    assert found["attacks"] == 6 * found["contracts"]
    assert not any(found[name] for name in ("unparseable", "invalid", "over_budget", "refused"))
    assert "PolicyAnswer" in done.stderr


def test_a_file_is_checked_with_its_validators_listed_and_counted_apart(tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    file.write_text(GOOD)
    done = interlock("check", file, "--attacks", 40)
    found = report(done)
    assert done.returncode == 0, done.stderr
    assert (found["contracts"], found["refused"]) == (2, 0)
    assert 0 < found["refused_after"] < 40
    assert found["invalid"] == 0
    for shown in ("Order", "thinking", "city", "even", "1 to 9", "Page[bool]"):
        assert shown in done.stderr


def test_a_refused_contract_is_a_sentence_and_what_stands_above_it_is_still_checked(tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    file.write_text(GOOD + BAD)
    done = interlock("check", file, "--attacks", 2)
    found = report(done)
    assert done.returncode == 1
    assert (found["contracts"], found["refused"]) == (2, 1)
    assert "Broken.anything is complex, which no grammar can enforce" in done.stderr


def test_generated_contracts_are_attacked_too_and_a_seed_repeats_them(tmp_path: Path) -> None:
    file = tmp_path / "none.py"
    file.write_text("")
    arguments = ("check", file, "--attacks", 2, "--generated", 5, "--tokenizer", "byte", "--draw", "longest")
    done = interlock(*arguments, "--seed", 3)
    found = report(done)
    assert done.returncode == 0, done.stderr
    assert (found["contracts"], found["generated"], found["attacks"]) == (0, 5, 10)
    assert report(interlock(*arguments, "--seed", 3)) == found


ENDLESS = """
from interlock import Contract


class Note(Contract):
    title: str
    lines: list[str]
"""


def test_texts_of_any_length_are_closed_within_budgets_that_are_too_small_for_them(tmp_path: Path) -> None:
    file = tmp_path / "note.py"
    file.write_text(ENDLESS)
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "list.json").write_text(json.dumps({"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}}))
    done = interlock("check", file, "--attacks", 20, "--within", 40, "--schemas", folder)
    found = report(done)
    assert done.returncode == 0, done.stderr
    assert (found["within"], found["attacks"], found["schemas"]["attacks"]) == (40, 40, 20)
    assert not any(found[name] for name in ("unparseable", "invalid", "over_budget"))
    assert not found["schemas"]["failures"]


SCHEMA = {"type": "object", "properties": {"seats": {"type": "integer", "minimum": 1, "maximum": 9}}}
SEATS = {"required": ["seats"], "additionalProperties": False}


def test_each_schema_of_a_folder_is_enforced_or_refused_with_keyword_and_path(tmp_path: Path) -> None:
    (tmp_path / "none.py").write_text("")
    folder = tmp_path / "schemas"
    folder.mkdir()
    tests = [{"data": {"seats": 3}, "valid": True}, {"data": {"seats": 0}, "valid": False}]
    (folder / "seats.json").write_text(json.dumps({"schema": {**SCHEMA, **SEATS}, "tests": tests}))
    (folder / "odd.json").write_text(json.dumps({"type": "string", "$ref": "#/$defs/x"}))
    done = interlock("check", tmp_path / "none.py", "--schemas", folder, "--attacks", 5)
    found = report(done)
    assert done.returncode == 1, "one of the two cannot be enforced"
    counts = found["schemas"]
    assert (counts["schemas"], counts["proven"], counts["refused"]) == (2, 1, 1)
    assert found["refused"] == 1
    assert (counts["invalid_admitted"], counts["valid_rejected"], counts["passing"], counts["attacks"]) == (0, 0, 1, 5)
    assert 0 < counts["p50_ms"] <= counts["p95_ms"] <= counts["p99_ms"] <= counts["worst_ms"]
    assert "From a schema to its first mask" in done.stderr
    assert "seats.json" in done.stderr
    assert "$ref" in done.stderr.replace("\n", "")
    (folder / "odd.json").write_text("{")
    assert interlock("check", tmp_path / "none.py", "--schemas", folder, "--attacks", 1).returncode == 1
    (folder / "odd.json").unlink()
    assert interlock("check", tmp_path / "none.py", "--schemas", folder, "--attacks", 1).returncode == 0
    assert f"There is no {tmp_path / 'no'}" in interlock("check", "--schemas", tmp_path / "no").stderr


def test_one_schema_is_checked_as_a_folder_is(tmp_path: Path) -> None:
    (tmp_path / "mood.json").write_text('{"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}}')
    done = interlock("check", "--schemas", tmp_path / "mood.json", "--attacks", 5)
    assert done.returncode == 0, done.stderr
    assert (report(done)["schemas"], report(done)["attacks"]) == (1, 5)
    assert "--sample draws files" in interlock("check", "--schemas", tmp_path / "mood.json", "--sample", 2).stderr


def test_a_level_that_is_demanded_and_not_had_fails(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('{"type": "array", "items": {"type": "string"}, "uniqueItems": true}')
    assert interlock("check", "--schemas", tmp_path, "--attacks", 1).returncode == 0
    done = interlock("check", "--schemas", tmp_path, "--attacks", 1, "--proven")
    assert (done.returncode, report(done)["refused"]) == (1, 1)


def test_of_many_schemas_those_that_are_not_enforced_are_named_and_json_has_all(tmp_path: Path) -> None:
    for number in range(45):
        wrong = {"minimum": 5, "maximum": 3} if number > 20 else {}
        (tmp_path / f"{number:02}.json").write_text(json.dumps({"type": "integer", **wrong}))
    done = interlock("check", "--schemas", tmp_path, "--attacks", 0)
    assert done.returncode == 1
    assert "21.json, refused: " in done.stderr
    assert "44.json" not in done.stderr
    assert "4 more are not enforced: --json lists every schema." in done.stderr
    told = [json.loads(line) for line in interlock("check", "--schemas", tmp_path, "--json").stdout.splitlines()]
    assert [row["Level"] for row in told[0]["rows"]] == ["proven"] * 21 + ["refused"] * 24


def test_what_cannot_be_checked_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    for arguments, sentence in [
        (("no_such_module",), "There is no module no_such_module"),
        ((tmp_path / "missing.py",), "There is no file"),
        ((tmp_path / "broken.py",), "cannot be loaded (ZeroDivisionError"),
        (("--tokenizer", tmp_path), "There is no tokenizer in"),
    ]:
        done = interlock("check", *arguments)
        assert done.returncode in (1, 2)
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
    assert interlock("check", "--draw", "shortest").returncode == 2


LENIENT = """
from datetime import date
from models import Contract, Said

class User(str):
    @classmethod
    def read(cls, text: str, today: date) -> "User | None":
        words = [word for word in text.replace(",", "").split() if len(word) > 3]
        return cls(words[0]) if words else None

class Ticket(str):
    @classmethod
    def read(cls, text: str, today: date) -> "Ticket | None":
        found = [word for word in text.split() if word[:2] == "T-"]
        return cls(found[0]) if found else None

class Reset(Contract):
    user: Said[User]
    ticket: Said[Ticket]
"""


def test_a_class_that_takes_everyday_words_for_a_value_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "reset.py"
    file.write_text(LENIENT)
    done = interlock("check", file, "--attacks", 1)
    assert (done.returncode, report(done)["lenient"]) == (0, ["Reset.user"])
    assert '"I need a headset, 1 piece" for "need"' in " ".join(done.stderr.split())


def test_a_file_without_contracts_is_no_proof(tmp_path: Path) -> None:
    file = tmp_path / "empty.py"
    file.write_text("x = 1\n")
    done = interlock("check", file)
    assert done.returncode == 2
    assert "has no Contract, pydantic model, dataclass" in done.stderr


def test_a_contract_that_is_checked_after_is_not_proven(tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    file.write_text(GOOD)
    assert interlock("check", file, "--attacks", 1).returncode == 0
    done = interlock("check", file, "--attacks", 1, "--proven")
    assert done.returncode == 1
    assert report(done)["refused"] == 1
    assert "Order is checked after it is written" in done.stderr


@pytest.mark.parametrize("options", [("--sample", 3), ("--strict",)])
def test_an_option_of_schemas_without_schemas_is_refused(options: tuple[str | int, ...]) -> None:
    done = interlock("check", *options)
    assert done.returncode == 2
    assert "give --schemas, too" in done.stderr


def test_a_draw_beside_schemas_alone_is_refused(tmp_path: Path) -> None:
    done = interlock("check", "--schemas", tmp_path, "--draw", "longest")
    assert done.returncode == 2
    assert "is about contracts" in done.stderr


def test_a_budget_below_the_shortest_text_is_told_by_name(tmp_path: Path) -> None:
    file = tmp_path / "note.py"
    file.write_text(ENDLESS)
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "list.json").write_text(json.dumps({"type": "array", "items": {"type": "string"}, "minItems": 3}))
    options = ("--attacks", 2, "--tokenizer", "byte", "--schemas", folder)
    least, three = (len(text) + 1 for text in ('{"title": "", "lines": []}', '["", "", ""]'))
    done = interlock("check", file, *options, "--within", 9)
    said = " ".join(done.stderr.split())
    assert f"longer than --within 9, and was the budget, of Note ({least} tokens)" in said
    assert f"of list.json ({three} tokens)" in said
    assert done.returncode == 0, done.stderr
    assert "shortest text" not in interlock("check", file, *options, "--within", 40).stderr


@pytest.mark.parametrize("options", [("--within", 40), ("--draw", "longest"), ("--generated", 3)])
def test_what_is_about_random_completions_is_refused_where_none_is_drawn(options: tuple[str | int, ...]) -> None:
    done = interlock("check", "--attacks", 0, *options)
    assert done.returncode == 2
    assert f"{options[0]} is about random completions" in done.stderr


CLASSES = """
import sqlite3
from dataclasses import dataclass
from typing import Annotated
from typing_extensions import TypedDict
from pydantic import Field

@dataclass
class Parcel:
    weight: Annotated[int, Field(ge=1, le=9)]

class Label(TypedDict, total=False):
    text: Annotated[str, Field(max_length=5)]
"""
STORE = """
@dataclass
class Store:
    connection: sqlite3.Connection
"""


def test_dataclasses_and_typed_dicts_are_contracts_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    file = tmp_path / "parcels.py"
    file.write_text(CLASSES + STORE)
    done = interlock("check", file, "--attacks", 4)
    found = report(done)
    assert done.returncode == 0, done.stderr
    assert (found["contracts"], found["refused"], found["attacks"]) == (2, 0, 8)
    for shown in ("Parcel", "1 to 9", "Label", "Not looked at, as no contract can be made of it: Store"):
        assert shown in " ".join(done.stderr.split())
    file.write_text("import sqlite3\nfrom dataclasses import dataclass\n" + STORE)
    done = interlock("check", file, "--attacks", 4)
    assert (done.returncode, report(done)["refused"]) == (1, 1)
    assert "Store" in done.stderr


def test_a_file_of_a_schema_is_told_from_one_of_contracts(tmp_path: Path) -> None:
    for name in ("order.json", "order.yaml"):
        done = interlock("check", tmp_path / name)
        assert done.returncode == 2
        assert f"{name} is no module: for a JSON Schema write --schemas" in " ".join(done.stderr.split())
