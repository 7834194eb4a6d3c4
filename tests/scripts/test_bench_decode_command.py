from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from command import COMMAND, QUIET, ROOT, interlock
from processes import started

from models.engines.vllm.server import VllmServer

SMALL = ("bench", "decode", "--forms", "keys", "--repeat", "1", "--variants", "constrained,free,jump-forward")


def servers(vllm_url: str, jump_server: VllmServer, model: Path) -> list[str]:
    return ["--model", str(model), "--url", f"plain={vllm_url}", "--url", f"jump={jump_server.url}"]


async def test_it_compares_free_and_constrained_text_of_the_same_length(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    done = interlock(
        *SMALL, *servers(vllm_url, jump_server, random_model), "--concurrency", "1,4", "-o", str(tmp_path / "bench")
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert list(found["constrained_over_free"]) == ["1", "4"]
    assert all(ratio > 0 for ratio in found["constrained_over_free"].values())
    cells = {(cell["variant"], cell["concurrency"]): cell for cell in found["cells"]}
    assert len(cells) == 6
    for concurrency in (1, 4):
        free, plain, jumped = (cells[name, concurrency] for name in ("free", "constrained", "jump-forward"))
        assert free["tokens_per_answer"] == plain["tokens_per_answer"] == jumped["tokens_per_answer"]
        assert plain["valid"] == jumped["valid"] == jumped["identical"] == jumped["answers"] > 0
        assert plain["steps_per_token"] == free["steps_per_token"] == 1.0
        assert jumped["steps_per_token"] < 0.45
        assert jumped["accepted"] == jumped["drafted"] > 0
        assert all(cell["ttft_p50_ms"] <= cell["ttft_p99_ms"] for cell in (free, plain, jumped))
    assert found["grammars"]["keys"]["forced_share"] > 0.5
    assert 0 < found["mask_share"]["keys"]["1"] < 1
    for picture in ("throughput.png", "latency.png"):
        assert (tmp_path / "bench" / picture).read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "bench" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "jump-forward" in page


async def test_contracts_that_the_context_has_no_room_for_are_left_out(
    vllm_url: str, jump_server: VllmServer, random_model: Path
) -> None:
    given = [*SMALL, "--concurrency", "1", *servers(vllm_url, jump_server, random_model)]
    done = interlock(*given, "--forms", "keys,text")
    assert done.returncode == 0, done.stderr
    assert "Left out, for this model's context is too short: text." in done.stderr
    assert {cell["form"] for cell in json.loads(done.stdout.splitlines()[-1])["cells"]} == {"keys"}
    done = interlock(*given, "--forms", "text")
    assert done.returncode == 1
    assert "No contract is left to measure." in done.stderr


async def test_ctrl_c_keeps_what_was_measured(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    arguments = ["--repeat", "1000", "--concurrency", "1", *servers(vllm_url, jump_server, random_model)]
    with started(
        [*COMMAND, *SMALL, *arguments, "-o", str(tmp_path)],
        cwd=ROOT,
        env={**QUIET, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        deadline = time.monotonic() + 120
        while not (tmp_path / "bench.json").is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)
        assert running.returncode == 0
    kept = json.loads(output.splitlines()[-1])
    assert kept["cells"]
    assert kept["constrained_over_free"]["1"] > 0


def test_an_unknown_form_is_named() -> None:
    done = interlock("bench", "decode", "--forms", "novel")
    assert done.returncode == 2
    assert done.stderr.strip() == "There is no novel to compare. Choose of keys, booking, note, text."


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
    assert interlock("bench", "compare", old, new, "--threshold", "0.25").returncode == 0


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    old = run_of(tmp_path / "a", {"free": [1.0]})
    (tmp_path / "bench.json").write_text("[]")
    done = interlock("bench", "compare", old, str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip().endswith("is no bench.json of `interlock bench decode`: name one of this release.")
    done = interlock("bench", "compare", old, run_of(tmp_path / "b", {"other": [1.0]}))
    assert "no cell in common" in done.stderr


def test_dummy_weights_want_a_shape() -> None:
    done = interlock("bench", "decode", "--weights", "dummy")
    assert done.returncode == 2
    assert done.stderr.strip() == "Dummy weights have no shape. Add --shape, one of llama-8b, llama-1b, small."
