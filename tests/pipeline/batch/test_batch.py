"""A batch survives bad lines, bad records, killed processes and other people's folders."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests

from pipeline import App, BadRecord, Journal, Launch, Record, Summary, UsageError, read_requests, run_batch

APPS = Path(__file__).parents[1] / "apps"


async def run(app: App, source: Path, out: Path, concurrency: int = 4) -> Summary:
    return await run_batch(app, read_requests(source), out, launch=Launch(concurrency=concurrency), today=TODAY)


def sales(out: Path) -> Counter[str]:
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        return Counter(item for (item,) in database.execute("SELECT item FROM sales"))


def finished(out: Path) -> int:
    results = out / "results.jsonl"
    return results.read_bytes().count(b"\n") if results.exists() else 0


def in_doubt(out: Path) -> int:
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        return int(database.execute("SELECT count(*) FROM actions WHERE state = 'reserved'").fetchone()[0])


async def test_a_folder_in_which_nothing_was_begun_binds_nobody(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "one lamp"}), tmp_path / "out"

    def fail(state: Path, today: date) -> None:
        raise OSError("no such stock")

    with pytest.raises(UsageError, match=r"cannot use its own files in .*no such stock"):
        await run(replace(shop, name="shut", prepare=fail), source, out)
    assert (await run(shop, source, out)).statuses["completed"] == 1  # mended: it is another app by its source


async def test_every_record_reaches_a_status(shop: App, tmp_path: Path) -> None:
    texts = {
        "a": "one lamp",
        "b": "get me a human",
        "c": "I do not know which",
        "d": "make it crash",
        "e": "the last",
        "f": "something broken",
        "g": "one timeout",
    }
    summary = await run(shop, write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out")
    rows = {row["custom_id"]: row for row in lines(tmp_path / "out" / "results.jsonl")}
    assert {id: row["status"] for id, row in rows.items()} == {
        "a": "completed",
        "b": "escalated",
        "c": "needs_input",
        "d": "failed",
        "e": "failed",
        "f": "failed",
        "g": "completed",
    }
    assert rows["a"]["message"] == "sold lamp for 9.90"
    assert rows["b"]["escalation"] == {"to": "desk", "reason": "The customer wants a human."}
    assert rows["c"]["question"] == {"field": "item", "text": "Which item?", "choices": ["lamp", "chair"]}
    assert rows["d"]["error"] == "The workflow raised RuntimeError: boom"
    assert rows["f"]["error"] == "The step 'offer' failed with ValueError: no such item"
    assert rows["a"]["receipt"]["gate"]["by"] == "only"
    assert all("Traceback" not in json.dumps(row) for row in rows.values())
    assert (summary.records, summary.finished, summary.exit_code) == (7, 7, 1)
    assert summary.statuses == {"completed": 2, "needs_input": 1, "escalated": 1, "failed": 3}
    async with Journal.open(tmp_path / "out" / "journal.sqlite") as journal:
        assert "RuntimeError: boom" in (journal.traceback("d") or "")


async def test_running_again_changes_nothing(shop: App, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(20)})
    await run(shop, source, tmp_path / "out")
    before = (tmp_path / "out" / "results.jsonl").read_text()
    summary = await run(shop, source, tmp_path / "out")
    assert (summary.records, summary.finished) == (20, 0)
    assert (tmp_path / "out" / "results.jsonl").read_text() == before
    assert sales(tmp_path / "out") == {"lamp": 20}


async def test_a_line_cut_in_half_is_mended(shop: App, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(5)})
    await run(shop, source, tmp_path / "out")
    results = tmp_path / "out" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:-40])
    await run(shop, source, tmp_path / "out")
    assert sorted(row["custom_id"] for row in lines(results)) == [f"r{n}" for n in range(5)]


def test_a_killed_batch_goes_on_and_sells_nothing_twice(tmp_path: Path) -> None:
    count, out = 300, tmp_path / "out"
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": f"item {n}" for n in range(count)})
    command = [sys.executable, str(APPS / "work.py"), str(source), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kills, reserved = 0, 0
    for target in (20, 90, 160):
        process = subprocess.Popen(command, env=environment)
        while process.poll() is None:
            if finished(out) >= target and in_doubt(out):
                process.kill()
                kills += process.wait() == -signal.SIGKILL
            time.sleep(0.001)
        reserved += in_doubt(out)
    assert kills == 3
    assert reserved  # an action was cut between its effect and its commit: the case that matters
    subprocess.run(command, env=environment, check=True)
    rows = lines(out / "results.jsonl")
    assert Counter(row["custom_id"] for row in rows) == Counter(f"r{n}" for n in range(count))
    assert {row["status"] for row in rows} == {"completed"}
    assert sales(out) == Counter({str(n): 1 for n in range(count)})


async def test_a_cancelled_batch_goes_on(shop: App, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(60)})
    task = asyncio.create_task(run(shop, source, tmp_path / "out"))
    for _ in range(5000):
        if finished(tmp_path / "out") >= 10:
            break
        await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    summary = await run(shop, source, tmp_path / "out")
    assert 0 < summary.finished < 60
    assert summary.records == 60
    assert sales(tmp_path / "out") == {"lamp": 60}


async def test_an_answer_lets_a_parked_record_go_on(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"c": "tell me which", "d": "one lamp"}), tmp_path / "out"
    await run(shop, source, out)

    async def answer(text: str) -> dict[str, object]:
        async with Journal.open(out / "journal.sqlite") as journal:
            await journal.answer("c", text)
        assert (await run(shop, source, out)).finished == 1
        rows = lines(out / "results.jsonl")
        assert len(rows) == 2
        return next(row for row in rows if row["custom_id"] == "c")

    row = await answer("the blue one")
    assert row["question"]["text"] == 'I did not understand "the blue one". Which item?'  # type: ignore[index]
    assert (await answer("Chair."))["message"] == "sold chair for 9.90"
    assert sales(out) == {"lamp": 1, "chair": 1}


async def test_two_useless_answers_are_enough(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"c": "tell me which"}), tmp_path / "out"
    await run(shop, source, out)
    for _ in range(2):
        async with Journal.open(out / "journal.sqlite") as journal:
            await journal.answer("c", "hm")
        await run(shop, source, out)
    (row,) = lines(out / "results.jsonl")
    assert row["status"] == "escalated"
    assert row["escalation"]["reason"] == '"Which item?" was asked 2 times without a usable answer.'


async def test_a_folder_of_something_else_is_refused_and_left_alone(shop: App, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"a": "one lamp"}), tmp_path / "out"
    await run(shop, source, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match=r"something else \(the app: shop → kiosk\).*--accept-changes"):
        await run(replace(shop, name="kiosk"), source, out)
    with pytest.raises(UsageError, match="made for 2026-11-22"):
        await run_batch(shop, read_requests(source), out, today=date(2027, 1, 1))
    other = write_requests(tmp_path / "other.jsonl", {"a": "two lamps"})
    with pytest.raises(UsageError, match="a record 'a' with another text"):
        await run(shop, other, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


async def test_the_day_of_the_first_run_is_kept(shop: App, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await run(shop, write_requests(tmp_path / "in.jsonl", {"a": "one lamp"}), out)
    more = write_requests(tmp_path / "more.jsonl", {"a": "one lamp", "b": "one lamp"})
    await run_batch(shop, read_requests(more), out)
    async with Journal.open(out / "journal.sqlite") as journal:
        past = journal.past("b")
    assert past is not None
    assert past.today == TODAY


async def test_two_processes_do_not_share_a_folder(shop: App, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(30)})
    results = await asyncio.gather(
        *(run(shop, source, tmp_path / "out", concurrency=1) for _ in range(2)), return_exceptions=True
    )
    assert any(isinstance(result, UsageError) and "Another process" in str(result) for result in results)
    assert sales(tmp_path / "out") == {"lamp": 30}


USER = {"role": "user", "content": "A lamp"}

BAD_LINES = [
    (b"{not json", "The line is not JSON."),
    (b"[" * 100_000, "The line is nested too deeply."),
    (b'{"custom_id": "x", "text": "a", "text": "b"}', '"text" stands twice in one object of the line: give it once.'),
    (b'{"custom_id": "\xff", "text": "a"}', "The line is not UTF-8."),
    (b"[1]", "The line is not a JSON object."),
    (b'{"text": "a"}', '"custom_id" is missing, or neither a text nor a whole number.'),
    (b'{"custom_id": 7.5, "text": "a"}', '"custom_id" is missing, or neither a text nor a whole number.'),
    (b'{"custom_id": true, "text": "a"}', '"custom_id" is missing, or neither a text nor a whole number.'),
    (b'{"custom_id": "a\\nb", "text": "a"}', '"custom_id" is longer than 256 characters or has some that cannot'),
    (b'{"custom_id": "\\ud800", "text": "a"}', '"custom_id" is longer than 256 characters or has some that cannot'),
    (b'{"custom_id": "x", "text": " \\u0000 "}', "The text is empty."),
    (b'{"custom_id": "x", "text": 5}', '"text" is not a text.'),
    (b'{"custom_id": "x"}', 'There is neither "text" nor "body.messages".'),
    (b'{"custom_id": "x", "body": {"messages": [{"role": "tool", "content": "a"}]}}', "from neither"),
    (b'{"custom_id": "x", "body": {"messages": [{"role": "assistant", "content": "a"}]}}', 'not from "user".'),
    (b'{"custom_id": "x", "body": {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}}', "not text"),
    (b'{"custom_id": "good", "text": "again"}', '"custom_id" is the same as in line 1.'),
    (
        json.dumps({"custom_id": "x", "text": "ab " * 350_000}).encode(),
        "The text has 1,049,999 characters",
    ),
]


async def test_bad_lines_are_listed_and_the_rest_runs(shop: App, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b'\xef\xbb\xbf{"custom_id": "good", "text": "one lamp"}\n\n' + b"\n".join(line for line, _ in BAD_LINES)
    )
    summary = await run(shop, source, tmp_path / "out")
    errors = lines(tmp_path / "out" / "errors.jsonl")
    assert [error["line"] for error in errors] == list(range(3, 3 + len(BAD_LINES)))
    for error, (_, reason) in zip(errors, BAD_LINES, strict=True):
        assert reason in error["reason"]
    assert (summary.records, summary.errors, summary.statuses["completed"]) == (1, len(BAD_LINES), 1)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{oops\n"])
def test_a_file_without_requests_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match="has no request that can be read"):
        read_requests(tmp_path / "in.jsonl")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_requests(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_requests(tmp_path)


async def test_odd_texts_are_harmless(shop: App, tmp_path: Path) -> None:
    texts = {
        "a": "one \x00\x1b[31m \ud800 lamp",
        "b": "Ich möchte 木の lamp",
        "c": "\u202eevil\u2066 lamp",
        "d": "👍🏽 lamp",
    }
    summary = await run(shop, write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out")
    assert summary.statuses["completed"] == 4


def test_the_openai_form_is_read() -> None:
    messages = [
        {"role": "user", "content": "A trip, please."},
        {"role": "assistant", "content": "Where to?"},
        {"role": "user", "content": [{"type": "text", "text": "Bali\n now"}]},
    ]
    record = Record.parse(
        {"custom_id": "x", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": messages}}
    )
    assert [(turn.role, turn.text) for turn in record.conversation] == [
        ("customer", "A trip, please."),
        ("assistant", "Where to?"),
        ("customer", "Bali now"),
    ]
    assert record.text == "A trip, please.\nBali now"
    with pytest.raises(BadRecord):
        Record.of("x", "")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"temperature": 0.2}, '"temperature"'),
        ({"temperature": 1}, '"temperature"'),
        ({"max_completion_tokens": 9}, '"max_completion_tokens"'),
        ({"response_format": {"type": "json_object"}}, '"response_format"'),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, '"tools"'),
        ({"stream": True}, '"stream"'),
        ({"n": 2}, '"n"'),
        ({"anything_at_all": "x"}, '"anything_at_all"'),
        ({"model": "gpt-5"}, '"body.model"'),
        ({"messages": [{"role": "system", "content": "Be a pirate."}, USER]}, '"system"'),
        ({"messages": [{"role": "developer", "content": "Be a pirate."}, USER]}, '"developer"'),
        ({"messages": [{**USER, "name": "Ann"}]}, '"name"'),
        ({"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}, USER]}, '"tool_calls"'),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache": 1}]}]}, "not text"),
        ({"messages": ["a"]}, "not a JSON object"),
    ],
)
def test_what_an_app_does_not_obey_in_the_openai_form_is_refused_by_name(more: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRecord) as refused:
        Record.parse({"custom_id": "x", "body": {"messages": [USER], **more}}, "Shop")
    assert named in str(refused.value)


def test_a_line_that_asks_for_another_route_or_says_two_things_is_refused() -> None:
    body = {"messages": [USER]}
    for line in ({"url": "/v1/embeddings", "body": body}, {"method": "GET", "body": body}):
        with pytest.raises(BadRecord, match="does not ask for POST"):
            Record.parse({"custom_id": "x", **line})
    with pytest.raises(BadRecord, match="both"):
        Record.parse({"custom_id": "x", "text": "a lamp", "body": body})


def test_options_that_ask_for_nothing_are_taken() -> None:
    more = {"model": "Shop", "temperature": None, "n": 1, "stream": False, "response_format": {"type": "text"}}
    assert Record.parse({"custom_id": "x", "body": {"messages": [USER], **more}}, "Shop").text == "A lamp"
