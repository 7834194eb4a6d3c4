"""Results can be brought into the order of their requests, and no line is lost by that."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.batch.ordering import order_results


def test_lines_stand_in_the_order_of_the_requests_and_others_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    rows = [{"custom_id": id, "text": "ü" * length} for length, id in enumerate(["c", "older", "a", "b", "old"])]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    order_results(path, ["a", "b", "not there yet", "c"])
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["custom_id"] for row in found] == ["a", "b", "c", "older", "old"]
    assert sorted(found, key=str) == sorted(rows, key=str)
