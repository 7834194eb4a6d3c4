"""`interlock run --ray local`: stopped by Ctrl-C, gone on with, answered and looked at as any other run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, QUIET, ROOT, SAMPLE, interlock
from processes import started, survivors

from models.engines.watchdog import descendants

pytest.importorskip("ray")

RECORDS = 32
OPTIONS = ("--today", "2026-11-23", "--ray", "local", "--shards", "2", "--concurrency", "1")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def finished(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.glob("shards/*/results.jsonl"))


def test_a_run_in_shards_is_stopped_continued_and_answered(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text("".join((SAMPLE / "requests.jsonl").read_text().splitlines(keepends=True)[:RECORDS]))
    command = [*COMMAND, "run", "-i", str(source), "-o", str(out), *OPTIONS]
    with started(command, cwd=ROOT, env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and finished(out) < 2:
            time.sleep(0.01)
        everyone = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert b"the same command goes on from here" in stderr
    assert survivors(everyone, 20) == []
    done = {row["custom_id"]: row for row in rows(out / "results.jsonl")}
    assert 2 <= len(done) == finished(out) < RECORDS

    process_again = interlock("run", "-i", source, "-o", out, *OPTIONS)
    assert process_again.returncode == 0, process_again.stderr
    summary = json.loads(process_again.stdout.splitlines()[-1])
    assert (summary["records"], summary["finished"]) == (RECORDS, RECORDS - len(done))
    results = {row["custom_id"]: row for row in rows(out / "results.jsonl")}
    assert len(results) == RECORDS
    assert {id: results[id] for id in done} == done

    looked = interlock("inspect", out)
    assert json.loads(looked.stdout.splitlines()[-1])["records"] == RECORDS
    ledger = json.loads(interlock("ledger", out).stdout.splitlines()[-1])
    assert ledger["states"]["committed"] == ledger["actions"] >= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--ray", "local"), "--ray and --shards belong together"),
        (("--shards", "2"), "--ray and --shards belong together"),
        (("--ray", "local", "--shards", "2", "--model", "vllm:models/tiny"), "start one on each machine"),
    ],
)
def test_options_that_make_no_sense_together(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    process = interlock("run", "-i", SAMPLE / "requests.jsonl", "-o", tmp_path / "out", *options)
    assert process.returncode == 2
    assert sentence in " ".join(process.stderr.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ray://head:10001", "on a machine of the cluster"),
        ("127.0.0.1:9", "Ray cannot be reached at '127.0.0.1:9'"),
    ],
)
def test_a_cluster_that_is_none_is_one_sentence(tmp_path: Path, address: str, sentence: str) -> None:
    out = tmp_path / "out"
    process = interlock("run", "-i", SAMPLE / "requests.jsonl", "-o", out, "--ray", address, "--shards", "2")
    assert process.returncode == 2
    assert sentence in " ".join(process.stderr.split())
    assert "Traceback" not in process.stderr
    assert not list(out.glob("*.json*"))
