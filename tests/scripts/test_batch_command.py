"""`interlock batch` as a user runs it: files as they are, killed and gone on with, and everything that may be wrong."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, QUIET, ROOT, interlock

MODEL = "models/tiny"
SCHEMA = {"type": "object", "properties": {"stars": {"enum": [1, 2, 3]}}, "required": ["stars"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "Stars", "schema": SCHEMA}}


def line(id: object, **body: Any) -> str:
    chat = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Review {id}"}],
        "response_format": FORMAT,
        **body,
    }
    return json.dumps({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": chat})


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(one + "\n" for one in lines), encoding="utf-8")
    return path


def last(process: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def test_a_grammar_that_is_never_compiled_is_a_bad_line_and_the_others_are_answered(tmp_path: Path) -> None:
    endless = line("endless", response_format=None, structured_outputs={"grammar": 'start: /a+/ "a c"'})
    asked = write(tmp_path / "in.jsonl", line("a"), endless)
    process = interlock("batch", "-i", asked, "-o", tmp_path / "out")
    assert process.returncode == 1, process.stderr  # a line was refused
    assert last(process)["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    (refused,) = rows(tmp_path / "out" / "errors.jsonl")
    assert refused["custom_id"] == "endless"
    told = '"structured_outputs" cannot be enforced: its grammar takes more than 4 s, or more room than there is'
    assert told in refused["response"]["body"]["error"]["message"]


def test_good_lines_are_answered_bad_ones_told_and_the_folder_is_one_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bad = [
        "no JSON",
        line(7.5),
        line("a"),
        line("odd", frequency=3),
        line("schema", response_format={"type": "json_schema", "json_schema": {"schema": {"type": "odd"}}}),
        line("huge", user="x" * 17_000_000),
    ]
    first = write(tmp_path / "first.jsonl", line("a"), line("b", temperature=1.5), *bad)
    second = tmp_path / "second.jsonl.gz"
    second.write_bytes(gzip.compress((line("c") + "\n").encode()))
    process = interlock("batch", "-i", tmp_path / "first.*", "-i", second, "-o", out)
    assert process.returncode == 1, process.stderr  # lines were refused
    assert last(process)["request_counts"] == {"total": 9, "completed": 3, "failed": 6}
    assert {row["custom_id"] for row in rows(out / "output.jsonl")} == {"a", "b", "c"}
    for row in rows(out / "output.jsonl"):
        choice = row["response"]["body"]["choices"][0]
        assert json.loads(choice["message"]["content"])["stars"] in (1, 2, 3)
    errors = [row["response"]["body"]["error"] for row in rows(out / "errors.jsonl")]
    assert [error["line"] for error in errors] == [3, 4, 5, 6, 7, 8]
    assert {error["file"] for error in errors} == {str(first)}
    assert [row["custom_id"] for row in rows(out / "errors.jsonl")][2:5] == ["a", "odd", "schema"]
    assert errors[3]["param"] == "frequency"
    assert "$.type" in errors[4]["message"]
    assert "16 MiB" in errors[5]["message"]
    before = (out / "output.jsonl").read_text()
    again = interlock("batch", "-i", tmp_path / "first.*", "-i", second, "-o", out)
    assert (last(again)["finished"], (out / "output.jsonl").read_text()) == (0, before)
    told = interlock("inspect", out, "b")
    assert told.returncode == 0
    assert "stars" in told.stdout + told.stderr
    assert interlock("diff", out, out).returncode == 0
    other = interlock("batch", "-i", write(tmp_path / "other.jsonl", line("a", seed=4)), "-o", out)
    assert other.returncode == 2
    assert "another text" in other.stderr


@pytest.mark.parametrize("kills", [3])
def test_a_batch_that_is_killed_again_and_again_answers_each_line_once(tmp_path: Path, kills: int) -> None:
    source = write(tmp_path / "in.jsonl", *(line(f"r{number}", seed=number, temperature=1.5) for number in range(400)))
    out = tmp_path / "out"
    command = [*COMMAND, "batch", "-i", str(source), "-o", str(out), "--concurrency", "8"]
    for kill in range(kills):
        process = subprocess.Popen(command, cwd=ROOT, env=QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        least = 30 * (kill + 1)
        while process.poll() is None and _lines(out / "output.jsonl") < least:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _lines(out / "output.jsonl") < 400, "the batch was over before it was killed"
    process = interlock("batch", "-i", source, "-o", out, "--concurrency", "8")
    assert last(process)["request_counts"] == {"total": 400, "completed": 400, "failed": 0}
    assert sorted(row["custom_id"] for row in rows(out / "output.jsonl")) == sorted(f"r{n}" for n in range(400))
    assert last(process)["finished"] < 400


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def test_standard_input_and_a_pipe_are_as_good_as_a_file(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", *(line(f"r{number}") for number in range(5)))
    command = " ".join(COMMAND[:2]) + f" '{COMMAND[2]}' batch"
    for number, given in enumerate((f"-i <(head -3 {source})", f"-i - < <(head -3 {source})")):
        out = tmp_path / f"out{number}"
        script = f"{command} {given} -o {out}"
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=QUIET, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["finished"] == 3


def test_a_dry_run_keeps_nothing_and_a_sample_is_the_same_each_time(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", *(line(f"r{number}") for number in range(200)), line("odd", frequency=3))
    out = tmp_path / "out"
    dry = interlock("batch", "-i", source, "-o", out, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    told = last(dry)
    assert (told["rows"], told["refused"], told["probed"], told["probed_failed"]) == (200, 1, 20, 0)
    assert told["tokens"]["prompt"] > 200
    assert told["seconds"] > 0
    assert not out.exists()
    ids = []
    for number in range(2):
        process = interlock("batch", "-i", source, "-o", tmp_path / f"o{number}", "--sample", "7")
        assert process.returncode == 1, process.stderr  # a line was refused
        ids.append({row["custom_id"] for row in rows(tmp_path / f"o{number}" / "output.jsonl")})
    assert len(ids[0]) == 7
    assert ids[0] == ids[1]
    assert ids[0] != {f"r{number}" for number in range(7)}


def sentence(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    return " ".join(process.stderr.split())


def test_what_is_no_batch_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out"
    empty = write(tmp_path / "empty.jsonl")
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(os.urandom(9000))[:50])
    good = write(tmp_path / "good.jsonl", line("a"))
    assert "it is empty" in sentence(interlock("batch", "-i", empty, "-o", out))
    assert "cannot be read" in sentence(interlock("batch", "-i", tmp_path / "none.jsonl", "-o", out))
    assert "cut.jsonl.gz cannot be read" in sentence(interlock("batch", "-i", cut, "-o", out))
    assert "No file matches" in sentence(interlock("batch", "-i", tmp_path / "none*", "-o", out))
    assert "given twice" in sentence(interlock("batch", "-i", good, "-i", good, "-o", out))
    assert "odd://x" in sentence(interlock("batch", "-i", "odd://x", "-o", out))
    assert not out.exists()
