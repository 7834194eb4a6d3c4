"""A file of requests is read once, whatever kind of file it is."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pipeline_world import TODAY, lines

from pipeline import App, read_requests, run_batch

ROWS = b"".join(b'{"custom_id": "r%d", "text": "one lamp"}\n' % number for number in range(3))


async def test_a_pipe_is_as_good_as_a_file(shop: App, tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(ROWS + b"no JSON\n")
    try:
        requests = read_requests(Path(f"/dev/fd/{read}"))
    finally:
        os.close(read)
    summary = await run_batch(shop, requests, tmp_path / "out", today=TODAY)
    assert (summary.finished, summary.errors) == (3, 1)
    assert {row["custom_id"] for row in lines(tmp_path / "out" / "results.jsonl")} == {"r0", "r1", "r2"}
    assert requests.texts(["r1", "nobody"]) == {"r1": "one lamp"}


def test_every_line_of_a_slow_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(ROWS * 2))
    writer.start()
    requests = read_requests(pipe)
    writer.join()
    assert [record.id for record in requests] == [record.id for record in requests] == ["r0", "r1", "r2"]
    assert [line.reason for line in requests.bad_lines()] == [
        f'"custom_id" is the same as in line {number}.' for number in (1, 2, 3)
    ]
    assert b"".join(line for _, line in requests.lines()) == ROWS


def test_names_that_are_read_in_the_other_form_only_are_told(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(
        b'{"custom_id": "a", "text": "one lamp", "url": "https://x", "colour": "red"}\n'
        b'{"custom_id": "b", "url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "a"}]}}\n'
    )
    assert read_requests(file).unread == {"url": 1, "colour": 1}


def test_a_line_that_says_a_thing_twice_is_refused_under_its_id(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(
        ROWS
        + b'{"custom_id": "a", "text": "one lamp", "text": "two"}\n'
        + b'{"custom_id": "b", "custom_id": "c", "text": "one lamp"}\n'
        + b'{"custom_id": "d", "text": NaN}\n'
    )
    requests = read_requests(file)
    assert [(line.line, line.id, line.reason.partition(" in one")[0]) for line in requests.bad_lines()] == [
        (4, "a", '"text" stands twice'),
        (5, None, '"custom_id" stands twice'),
        (6, "d", "The line holds NaN, which no JSON has: give a number, a text or null."),
    ]
    first = read_requests([file, tmp_path / "none.jsonl"], limit=2)  # what lies behind is not opened
    assert [record.id for record in first] == ["r0", "r1"]
