"""`interlock run` on the shipped model: a whole batch, a killed one, and everything a user may get wrong."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, QUIET, ROOT, SAMPLE, interlock
from processes import started

from models.engines.vllm.server import VllmServer
from models.engines.watchdog import descendants
from pipeline.workflows import travel
from pipeline.workflows.travel import contracts

DAY = ("--today", "2026-11-23")
SHOP = ROOT / "tests" / "pipeline" / "apps" / "shop.py"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("batch") / "out"
    return out, interlock("run", "-i", SAMPLE / "requests.jsonl", "-o", out, *DAY)


def test_the_sample_batch_brings_every_record_to_a_status(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, process = done
    assert process.returncode == 0, process.stderr
    results = rows(out / "results.jsonl")
    assert sorted(row["custom_id"] for row in results) == sorted(
        r["custom_id"] for r in rows(SAMPLE / "requests.jsonl")
    )
    statuses = Counter(row["status"] for row in results)
    assert set(statuses) == {"completed", "needs_input", "escalated"}
    assert len({row["intent"] for row in results} - {None, "out_of_scope"}) >= 4
    summary = json.loads(process.stdout.splitlines()[-1])
    assert summary["records"] == len(results) >= 80
    assert summary["statuses"] == {"failed": 0, **statuses}


def test_every_result_is_valid_under_its_contract(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    results = [row for row in rows(done[0] / "results.jsonl") if row["result"] is not None]
    assert len(results) >= 10
    for row in results:
        contract = getattr(contracts, row["contract"])
        assert contract.model_validate(row["result"]).public() == row["result"]


def test_a_run_is_held_against_labels_and_a_wrong_action_is_told(
    done: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    told = json.loads(interlock("evaluate", "results", done[0]).stdout)
    assert told["records"] == 96
    assert told["status_right"] >= 80
    assert told["wrong_actions"] == 0
    labels = rows(SAMPLE / "requests_labels.jsonl")
    booked = next(label for label in labels if label["custom_id"] == "r007")
    assert booked["done"]["cancel"].pop("reference") == "MD9WLP"
    booked["done"]["cancel"]["reference"] = "MD0000"
    wrong = tmp_path / "labels.jsonl"
    wrong.write_text("".join(f"{json.dumps(label)}\n" for label in labels), encoding="utf-8")
    judged = interlock("evaluate", "results", done[0], "--labels", wrong)
    assert json.loads(judged.stdout)["wrong_actions"] == 1
    assert "r007" in judged.stderr


def test_no_completion_was_cut_and_no_scratchpad_shows(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    for row in rows(done[0] / "results.jsonl"):
        assert set(row["receipt"]["finish_reasons"]) <= {"stop", "forced"}
        assert "thinking" not in json.dumps({**row, "receipt": None})


def test_a_quoted_answer_stands_in_the_knowledge(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    knowledge = " ".join(" ".join(path.read_text().split()) for path in (SAMPLE / "knowledge").glob("*.md"))
    quotes = [row["result"]["quote"] for row in rows(done[0] / "results.jsonl") if row["contract"] == "PolicyAnswer"]
    assert quotes
    assert all(quote in knowledge for quote in quotes)


def test_running_it_again_changes_nothing(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, first = done
    before = (out / "results.jsonl").read_text()
    again = interlock("run", "-i", SAMPLE / "requests.jsonl", "-o", out, *DAY)
    assert again.returncode == 0
    assert (out / "results.jsonl").read_text() == before
    old, new = (json.loads(process.stdout.splitlines()[-1]) for process in (first, again))
    assert new["finished"] == 0
    assert new["statuses"] == old["statuses"]


def test_a_batch_killed_in_the_middle_is_continued_without_booking_twice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["run", "-i", str(SAMPLE / "requests.jsonl"), "-o", str(out), *DAY, "--concurrency", "4"]
    for least in (8, 30):
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=ROOT, env=QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and _finished(out) < least:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _finished(out) < len(rows(SAMPLE / "requests.jsonl")), "the batch was over before it was killed"
    assert interlock(*arguments).returncode == 0
    results = rows(out / "results.jsonl")
    assert len(results) == len({row["custom_id"] for row in results}) == len(rows(SAMPLE / "requests.jsonl"))
    endings = [ending for row in results for ending in row.get("parts", [row])]
    booked = [ending["result"]["reference"] for ending in endings if ending["contract"] == "Booked"]
    assert booked
    travel.prepare(tmp_path, date(2026, 11, 23))
    new, before = (_bookings(folder) for folder in (out, tmp_path))
    assert sorted(new - before) == sorted(booked)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_background_job_that_is_asked_to_end_finishes_what_is_under_way(tmp_path: Path, number: int) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    write(source, *(json.dumps({"custom_id": f"r{n}", "text": f"item {n}"}) for n in range(3000)))
    command = [*COMMAND, "run", "-i", str(source), "-o", str(out), "--app", str(SHOP)]
    # As a shell starts it behind an `&`: deaf to the Ctrl-C that is typed for others.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with started(command, cwd=ROOT, env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and _finished(out) < 20:
            time.sleep(0.01)
        process.send_signal(number)
        stdout, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert "Stopped; the same command goes on from here." in " ".join(stderr.split())
    results = rows(out / "results.jsonl")
    assert 20 <= len(results) == json.loads(stdout.splitlines()[-1])["finished"] < 3000
    with closing(sqlite3.connect(out / "shop.sqlite")) as shop:
        sold = {f"r{item}" for (item,) in shop.execute("SELECT item FROM sales")}
    assert sold == {row["custom_id"] for row in results}, "a record was cut short between its effect and its end"


def _bookings(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "inventory.sqlite")) as inventory:
        return {reference for (reference,) in inventory.execute("SELECT reference FROM bookings")}


def _finished(out: Path) -> int:
    path = out / "results.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_odd_lines_are_listed_and_the_rest_runs(tmp_path: Path) -> None:
    good = [
        json.dumps({"custom_id": "long", "text": "Book a trip to Goa tomorrow. " * 600}),
        json.dumps({"custom_id": "script", "text": "मुझे कल दिल्ली के लिए एक टिकट चाहिए"}, ensure_ascii=False),
        json.dumps({"custom_id": "order[/a]", "text": "cancel\u0000 my \u0007booking \u202eMD7K2Q\u001b[31m"}),
        json.dumps(
            {
                "custom_id": "openai",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"messages": [{"role": "user", "content": "May I bring my dog?"}]},
            }
        ),
    ]
    bad = [
        "this is not JSON",
        json.dumps({"custom_id": "script", "text": "again"}),
        json.dumps({"custom_id": "huge", "text": "x" * 1_000_000}),
        json.dumps({"text": "no id"}),
        "[1, 2]",
    ]
    out = tmp_path / "out"
    good.append(json.dumps({"custom_id": 17, "text": "Tell me a joke", "lang": "en"}))
    process = interlock("run", "-i", write(tmp_path / "in.jsonl", *good, *bad), "-o", out, "--ordered", *DAY)
    assert process.returncode == 1, process.stderr  # lines were left out
    assert "Traceback" not in process.stderr
    assert 'Not read, and in no result: "lang" (lines: 1).' in process.stderr
    assert [row["custom_id"] for row in rows(out / "results.jsonl")] == ["long", "script", "order[/a]", "openai", "17"]
    assert [error["line"] for error in rows(out / "errors.jsonl")] == [6, 7, 8, 9, 10]
    assert json.loads(process.stdout.splitlines()[-1])["errors"] == 5


def sentence(process: subprocess.CompletedProcess[str]) -> str:
    """What the user reads: one sentence or two, no traceback, nothing on stdout."""
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    return " ".join(process.stderr.split())


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return write(tmp_path / "one.jsonl", json.dumps({"custom_id": "a", "text": "Cancel MD7K2Q"}))


def test_a_missing_file(tmp_path: Path) -> None:
    process = interlock("run", "-i", tmp_path / "none.jsonl", "-o", tmp_path / "out")
    assert process.returncode == 2
    assert "check the path" in sentence(process)


def test_results_of_somebody_else_are_left_alone(tmp_path: Path, one: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    process = interlock("run", "-i", one, "-o", tmp_path)
    assert process.returncode == 2
    assert "use a new folder" in sentence(process)
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"


def test_an_address_that_is_none(tmp_path: Path, one: Path) -> None:
    process = interlock("run", "-i", one, "-o", tmp_path / "out", "--model", "http://localhost:80o0")
    assert process.returncode == 2
    assert "is not an address" in sentence(process)


def test_a_folder_that_cannot_be_written(one: Path) -> None:
    process = interlock("run", "-i", one, "-o", "/proc/out")
    assert process.returncode in (1, 2)
    assert "Traceback" not in process.stderr


def test_a_first_index_that_was_killed_is_built_again(tmp_path: Path, one: Path) -> None:
    (tmp_path / "out" / "index" / "versions").mkdir(parents=True)
    assert interlock("run", "-i", one, "-o", tmp_path / "out", *DAY).returncode == 0


def test_an_empty_file(tmp_path: Path) -> None:
    process = interlock("run", "-i", write(tmp_path / "empty.jsonl"), "-o", tmp_path / "out")
    assert process.returncode == 2
    assert "empty" in sentence(process)


def test_a_model_folder_that_is_none(tmp_path: Path, one: Path) -> None:
    (tmp_path / "model").mkdir()
    process = interlock("run", "-i", one, "-o", tmp_path / "out", "--model", tmp_path / "model")
    assert process.returncode == 2
    assert "config.json" in sentence(process)


def test_a_server_that_does_not_answer(tmp_path: Path, one: Path) -> None:
    process = interlock("run", "-i", one, "-o", tmp_path / "out", "--model", "http://127.0.0.1:9")
    assert process.returncode == 1
    assert "127.0.0.1:9" in sentence(process)


def test_an_index_that_was_altered(tmp_path: Path, one: Path) -> None:
    assert interlock("index", "build", SAMPLE / "knowledge", "-o", tmp_path / "index").returncode == 0
    manifest = next((tmp_path / "index").rglob("manifest.json"))
    manifest.write_text(manifest.read_text().replace("0", "1"))
    process = interlock("run", "-i", one, "-o", tmp_path / "out", "--index", tmp_path / "index")
    assert process.returncode == 1
    assert "index" in sentence(process)


def test_a_folder_of_another_model(tmp_path: Path, one: Path) -> None:
    out = tmp_path / "out"
    assert interlock("run", "-i", one, "-o", out, *DAY).returncode == 0
    before = {path.name: path.read_bytes() for path in out.glob("*.jsonl")}
    other = tmp_path / "other"
    shutil.copytree(ROOT / "models" / "tiny", other)
    process = interlock("run", "-i", one, "-o", out, *DAY, "--model", other)
    assert process.returncode == 2
    assert "use a new folder" in sentence(process)
    assert {path.name: path.read_bytes() for path in out.glob("*.jsonl")} == before


@pytest.mark.parametrize("arguments", [["run"], ["run", "-i", "x"], ["nonsense"], ["run", "--concurrency", "many"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert interlock(*arguments).returncode == 2


@pytest.mark.timeout(900)
async def test_a_vllm_server_gives_the_same_statuses_and_may_die_without_losing_a_record(
    done: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    sample = SAMPLE / "requests.jsonl"
    async with VllmServer.start("models/tiny", log=tmp_path / "server.log") as server:
        first = await asyncio.to_thread(
            interlock, "run", "-i", sample, "-o", tmp_path / "a", *DAY, "--model", server.url
        )
        assert first.returncode == 0, first.stderr
        there, here = (
            {r["custom_id"]: r["status"] for r in rows(o / "results.jsonl")} for o in (tmp_path / "a", done[0])
        )
        assert sum(there[id] == status for id, status in here.items()) >= 0.95 * len(here)

        command = [*COMMAND, "run", "-i", str(sample), "-o", str(tmp_path / "b"), *DAY, "--model", server.url]
        command += ["--wait", "3"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and _finished(tmp_path / "b") < 5:
            await asyncio.sleep(0.01)
        for pid in descendants(server.pid):
            os.kill(pid, signal.SIGKILL)
        stdout, stderr = await asyncio.to_thread(process.communicate)
    assert process.returncode == 1
    assert stdout == ""
    assert "Traceback" not in stderr
    assert "does not answer" in stderr
    kept = rows(tmp_path / "b" / "results.jsonl")
    assert 5 <= len(kept) < len(here)
    assert {row["status"] for row in kept} <= {"completed", "needs_input", "escalated"}
