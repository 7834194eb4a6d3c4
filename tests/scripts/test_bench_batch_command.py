"""`interlock bench batch`: Parquet in and out, and a batch that is killed: nothing lost, nothing twice."""

from __future__ import annotations

import json

import pytest
from command import interlock
from soak import repeats, soak


@pytest.fixture(autouse=True)
def _pyarrow() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")


def test_rows_are_counted_and_measured() -> None:
    process = interlock("bench", "batch", "--rows", "500", "--rows", "700")
    assert process.returncode == 0, process.stderr
    small, large = json.loads(process.stdout.splitlines()[-1])
    assert (small["completed"], large["completed"], large["failed"]) == (500, 700, 0)
    assert large["peak_mib"] > 0
    assert large["rows_per_s"] > 0


@soak
def test_a_poisoned_batch_that_is_killed_again_and_again_loses_no_row_and_has_none_twice() -> None:
    rows, kills = repeats(3_000, 100_000), repeats(3, 20)
    process = interlock("bench", "batch", "--rows", str(rows), "--kills", str(kills), "--poisoned", "0.01")
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert (found["lost"], found["doubled"], found["kills"]) == (0, 0, kills)
    assert found["completed"] == rows * 99 // 100
    assert found["refused"] == rows // 200


def test_what_is_measured_apart_is_not_asked_for_together() -> None:
    process = interlock("bench", "batch", "--kills", "2", "--first", "models/tiny")
    assert (process.returncode, "measured apart" in process.stderr) == (2, True)
