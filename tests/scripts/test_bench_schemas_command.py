from __future__ import annotations

import json
from pathlib import Path

from command import interlock

SEATS = {"type": "object", "properties": {"seats": {"type": "integer", "minimum": 1}}, "required": ["seats"]}
TESTS = [{"data": {"seats": 3}, "valid": True}, {"data": {"seats": 0}, "valid": False}]


def test_the_bench_counts_and_times_a_folder_beside_others_and_fills_masks(tmp_path: Path) -> None:
    (tmp_path / "seats.json").write_text(json.dumps({"schema": SEATS, "tests": TESTS}))
    (tmp_path / "remote.json").write_text(json.dumps({"$ref": "https://example.org/x"}))
    done = interlock("bench", "schemas", tmp_path, "--masks", "byte")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["rows"]) == {"interlock", "llguidance", "outlines"}
    own = found["rows"]["interlock"]
    assert (own["schemas"], own["proven"], own["refused"], own["passing"]) == (2, 1, 1, 1)
    assert 0 < own["p50_ms"] <= own["p95_ms"] <= own["p99_ms"] <= own["worst_ms"]
    masks = found["masks"]
    assert 0 < masks["plausible_p50"] <= masks["plausible_p99"] <= masks["plausible_p999"]
    assert masks["plausible_masks"] >= len('{"seats":1}') <= masks["random_masks"]
    assert 0 < masks["open_random_p50"] <= masks["open_random_p999"]
    assert masks["open_plausible_masks"] >= len('{"seats":1}')


def test_enums_of_any_size_are_timed_beside_llguidance(tmp_path: Path) -> None:
    (tmp_path / "seats.json").write_text(json.dumps({"schema": SEATS, "tests": TESTS}))
    done = interlock("bench", "schemas", tmp_path, "--enum", "30", "--enum", "300")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])["enums"]
    assert [(row["values"], row["where"]) for row in rows] == [
        (30, "whole"), (30, "property"), (300, "whole"), (300, "property"),
    ]  # fmt: skip
    assert all(row["interlock_ms"] > 0 and row["llguidance_ms"] > 0 for row in rows)


def test_nothing_is_measured_where_there_is_no_schema(tmp_path: Path) -> None:
    done = interlock("bench", "schemas", tmp_path)
    assert done.returncode == 2
    assert "There is no schema in" in done.stderr
