from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, QUIET, ROOT, interlock
from scripted_server import Body, Reply, ScriptedServer, refuses, says, tells

from models.engines.vllm.server import VllmServer
from scripts.main import main

SMALL = ("bench", "gpu", "--forms", "keys", "--per-slot", "1")


def servers(vllm_url: str, jump_server: VllmServer, model: Path) -> list[str]:
    return ["--model", str(model), "--url", f"plain={vllm_url}", "--url", f"jump={jump_server.url}"]


async def test_every_round_is_kept_with_a_table_of_the_cells(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    given = [*SMALL, *servers(vllm_url, jump_server, random_model), "--concurrency", "4,1", "--repeat", "1"]
    done = interlock(*given, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in (tmp_path / "rounds.jsonl").read_text().splitlines()]
    assert [one["max_concurrency"] for one in rounds] == [4, 4, 4, 1, 1, 1] * 2
    assert [one["streamed"] for one in rounds] == [False] * 6 + [True] * 6
    assert {one["variant"] for one in rounds} == {"constrained", "free", "jump-forward"}
    summary = json.loads((tmp_path / "bench.json").read_text())
    assert {(cell["max_concurrency"], cell["variant"]) for cell in summary["cells"]} == {
        (concurrency, variant) for concurrency in (1, 4) for variant in ("constrained", "free", "jump-forward")
    }
    assert "ended" not in summary
    table = (tmp_path / "table.md").read_text()
    (ratios,) = [row for row in summary["ratios"]["jump-forward ÷ free"] if row["max_concurrency"] == 4]
    assert f"{ratios['median']:.2f} ({ratios['low']:.2f} – {ratios['high']:.2f})" in table
    assert f"vllm {summary['machine']['vllm']}" in table
    assert summary["command"] in table


async def test_a_run_that_is_killed_leaves_what_it_found(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    arguments = [*servers(vllm_url, jump_server, random_model), "--concurrency", "1", "--repeat", "1000"]
    with subprocess.Popen(
        [*COMMAND, *SMALL, *arguments, "-o", str(tmp_path)],
        cwd=ROOT,
        env=QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        deadline = time.monotonic() + 120
        rounds = tmp_path / "rounds.jsonl"
        while not (rounds.is_file() and rounds.read_text().count("\n") >= 6) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(running.pid, signal.SIGKILL)
    found = [json.loads(line) for line in rounds.read_text().splitlines()]
    assert len(found) >= 6
    assert "| keys | 1 |" in (tmp_path / "table.md").read_text()


async def test_cells_that_do_not_fit_into_the_time_are_left_out_and_named(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    given = [*SMALL, *servers(vllm_url, jump_server, random_model), "--concurrency", "1", "--repeat", "1000"]
    done = interlock(*given, "--budget-seconds", "15", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "bench.json").read_text())
    assert summary["ended"].endswith("keys at 1")
    assert summary["ended"] in (tmp_path / "table.md").read_text()


def test_a_list_of_concurrencies_that_is_none_is_refused(tmp_path: Path) -> None:
    done = interlock(*SMALL, "--concurrency", "many", "-o", tmp_path)
    assert done.returncode == 2
    assert "'many' is no list of numbers. Write --concurrency 64,1,256." in done.stderr
    assert "Traceback" not in done.stderr


def test_requests_that_fail_are_told_and_a_round_for_a_sampler_that_is_not_here_is_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: Body) -> Reply:
        if "This is case 9." in body["messages"][-1]["content"]:
            return refuses(500, "out of memory")
        return tells("a", "b") if body.get("stream") else says("ab", tokens=2)

    with ScriptedServer(script, metrics="vllm:iteration_tokens_total_count 3\n", version="0.9.9") as server:
        line = ["--variants", "free", "--concurrency", "2", "--repeat", "1", "--url", f"plain={server.url}"]
        with pytest.raises(SystemExit, match="1"):
            main([*SMALL, *line, "--model", "models/tiny", "-o", str(tmp_path)])
    said = capsys.readouterr().err
    assert "Where an engine's steps go is not measured: no server was started here." in said
    assert "requests failed; the first: The server refused a request of the benchmark (500)" in said
    table = (tmp_path / "table.md").read_text()
    assert "out of memory" in table
    assert "vllm 0.9.9" in table
    assert "Flags of every server" not in table
    assert len(server.requests) == 4 + 2 + 4 + 4  # warm-up, and for the largest load; whole answers, and streamed
