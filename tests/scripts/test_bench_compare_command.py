from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import interlock


def run_of(folder: Path, speeds: dict[str, list[float]]) -> str:
    folder.mkdir()
    cells = [
        {"form": "keys", "concurrency": 1, "variant": name, "each_tok_per_s": each} for name, each in speeds.items()
    ]
    (folder / "bench.json").write_text(json.dumps({"cells": cells}))
    return str(folder)


def test_two_runs_are_compared_and_a_sure_loss_fails(tmp_path: Path) -> None:
    old = run_of(tmp_path / "a", {"free": [100, 101, 99, 100], "constrained": [50, 51, 49, 50], "gone": [1]})
    new = run_of(tmp_path / "b", {"free": [80, 81, 79, 80], "constrained": [30, 70, 45, 55]})
    done = interlock("bench", "compare", old, new)
    assert done.returncode == 1
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["regressions"] == 1
    slower, noisy = found["cells"]
    assert (slower["variant"], slower["ratio"]) == ("free", 0.8)
    assert slower["low"] <= 0.8 <= slower["high"] < 0.95
    assert noisy["low"] < 1 < noisy["high"]
    assert "alone, not compared: 1 cells (keys, 1 at once, gone)." in " ".join(done.stderr.split())
    assert interlock("bench", "compare", old, new, "--threshold", "0.25").returncode == 0
    assert interlock("bench", "compare", old, new, "--threshold", "0.99").returncode == 0


def test_a_single_round_on_either_side_is_no_proof_of_a_loss(tmp_path: Path) -> None:
    old, new = run_of(tmp_path / "a", {"free": [100, 101]}), run_of(tmp_path / "b", {"free": [50]})
    done = interlock("bench", "compare", old, new)
    assert done.returncode == 0
    (cell,) = json.loads(done.stdout.splitlines()[-1])["cells"]
    assert (cell["low"], cell["high"], cell["regression"]) == (None, None, False)
    assert "No speed is sure" in done.stderr


def test_a_loss_of_latency_or_goodput_is_a_regression_as_well(tmp_path: Path) -> None:
    load = {"max_concurrency": None, "request_rate": 4, "burstiness": 1.0, "mix": 1.0}
    base = {"output_throughput": [50, 51, 49], "request_goodput": [4.0, 4.0, 4.0], "median_ttft_ms": [80, 81, 82]}
    for name, each in (
        ("before", base),
        ("late", base | {"median_ttft_ms": [120, 121, 119]}),
        ("bad", base | {"request_goodput": [2.0, 2.1, 1.9]}),
        ("better", base | {"median_ttft_ms": [40, 41, 42], "request_goodput": [5.0, 5.0, 5.0]}),
    ):
        cell = {"form": "Refund", **load, "variant": "free", "each": each, "each_output_throughput": [50, 51, 49]}
        (tmp_path / name).mkdir()
        (tmp_path / name / "bench.json").write_text(json.dumps({"cells": [cell]}))
    for name, metric in (("late", "median_ttft_ms"), ("bad", "request_goodput"), ("better", None)):
        done = interlock("bench", "compare", str(tmp_path / "before"), str(tmp_path / name))
        found = json.loads(done.stdout.splitlines()[-1])
        assert [row["metric"] for row in found["cells"] if row["regression"]] == ([metric] if metric else [])
        assert done.returncode == (1 if metric else 0)


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    old = run_of(tmp_path / "a", {"free": [1.0]})
    (tmp_path / "bench.json").write_text("[]")
    done = interlock("bench", "compare", old, str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip().endswith("is no bench.json of `interlock bench decode`: name one of this release.")
    done = interlock("bench", "compare", old, run_of(tmp_path / "b", {"other": [1.0]}))
    assert "no cell in common" in done.stderr


CELL = {"form": "keys", "max_concurrency": 4, "request_rate": "inf", "burstiness": 1.0, "mix": 1.0, "rounds": 3,
        "variant": "constrained", "each_output_throughput": [50, 51, 49], "constrained": 96, "valid": 96,
        "completed": 96, "failed": 0}  # fmt: skip
SEARCHED = {"form": "keys", "variant": "constrained", "max_concurrency": None, "burstiness": 1.0, "mix": 1.0,
            "capacity": 32.0, "highest_request_rate": 20.0, "tried": [{}] * 6}  # fmt: skip
RUN = {
    "model": "m",
    "flags": ["--max-num-seqs", "4"],
    "machine": {"of": "client and servers", "cpu": "Zen", "cores": 2, "gpus": [{"name": "H200"}], "vllm": "0.24.0"},
    "slo": {"ttft": 500.0},
    "slo_share": 0.9,
    "cells": [CELL],
    "highest_request_rates": [SEARCHED],
}


def compared(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """The exit code, the JSON, and what was said."""
    for name, run in (("old", old), ("new", new)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "bench.json").write_text(json.dumps(run))
    done = interlock("bench", "compare", folder / "old", folder / "new")
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), " ".join(done.stderr.split())


def worse(found: dict[str, Any]) -> list[str]:
    return [row["metric"] for row in found["cells"] if row["regression"]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"valid": 96}, []),
        ({"valid": 95}, []),  # one of 96 may be chance
        ({"valid": 88}, ["valid"]),
        ({"valid": 0}, ["valid"]),
        ({"completed": 90, "failed": 6}, ["completed"]),
    ],
)
def test_a_loss_of_validity_or_of_answers_is_a_regression(
    tmp_path: Path, change: dict[str, int], expected: list[str]
) -> None:
    code, found, said = compared(tmp_path, RUN, RUN | {"cells": [CELL | change]})
    assert (code, worse(found), found["differences"]) == (1 if expected else 0, expected, {})
    assert f"96 of 96 → {change.get('valid', 96)} of 96" in said


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (20.0, 20.0, False),
        (20.0, 19.0, False),  # a step of the search is 1 a second
        (20.0, 15.0, True),
        (20.0, 28.0, False),
        (20.0, None, True),
        (None, 3.0, False),
        (None, None, False),
        ("inf", "inf", False),
        ("inf", 31.0, False),  # the capacity is 32
        ("inf", 20.0, True),
        (20.0, "inf", False),
    ],
)
def test_a_loss_of_the_highest_rate_is_a_regression(
    tmp_path: Path, before: float | str | None, after: float | str | None, expected: bool
) -> None:
    old, new = (
        RUN | {"cells": [], "highest_request_rates": [SEARCHED | {"highest_request_rate": rate}]}
        for rate in (before, after)
    )
    code, found, _ = compared(tmp_path, old, new)
    assert (code, worse(found)) == ((1, ["highest_request_rate"]) if expected else (0, []))


def test_what_else_differs_is_told_by_name(tmp_path: Path) -> None:
    machine = {"of": "client", "cpu": "Xeon", "cores": 2, "gpus": None, "vllm": None}
    cells = [CELL | {"constrained": 48, "valid": 48, "completed": 48}]
    code, found, said = compared(
        tmp_path, RUN, RUN | {"model": "other", "flags": [], "machine": machine, "cells": cells}
    )
    assert (code, worse(found)) == (0, [])
    for told in (
        "Not the same model: m → other.",
        "Not the same flags: --max-num-seqs 4 → none.",
        "Not the same processor: Zen → Xeon.",
        "Not the same cards: H200 → unknown.",
        "Not the same vllm: 0.24.0 → unknown.",
        "Not the same number of requests of a round: 32.0 → 16.0.",
    ):
        assert told in said
    assert found["differences"]["model"] == {"before": "m", "after": "other"}
    assert "cores" not in found["differences"]


@pytest.mark.parametrize("change", [{"slo": {"ttft": 100.0}}, {"slo_share": 0.5}])
def test_rates_within_another_service_level_are_not_compared(tmp_path: Path, change: dict[str, Any]) -> None:
    each = {"request_goodput": [4.0, 4.0, 4.0]}
    old, new = RUN | {"cells": [CELL | {"each": each}]}, RUN | change | {"cells": [CELL | {"each": each}]}
    _, found, said = compared(tmp_path, old, new)
    assert {row["metric"] for row in found["cells"]} == {"output_throughput", "valid", "completed"}
    assert "So goodput and highest rates are not compared." in said
