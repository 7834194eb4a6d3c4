"""Batches over HTTP: uploaded, watched, looked at record by record, and gone on with after a stop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import hall, sentence

LINES = "".join(
    json.dumps({"custom_id": id, "text": text}) + "\n"
    for id, text in (("a/1", "in the front"), ("b", "A seat"), ("c", "manager"), ("d", "crash"), ("e", "front"))
)


async def finished(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    while (run := (await client.get(f"/runs/{id}")).json())["state"] in ("waiting", "running"):
        await asyncio.sleep(0.02)
    found: dict[str, Any] = run
    return found


@pytest.mark.parametrize("form", [False, True])
async def test_an_uploaded_batch_is_served_and_can_be_looked_at(tmp_path: Path, form: bool) -> None:
    async with hall(tmp_path) as (client, _):
        content: dict[str, Any] = {"files": {"file": ("in.jsonl", LINES)}} if form else {"content": LINES}
        begun = await client.post("/runs", **content)
        assert begun.status_code == 202, begun.text
        id = begun.json()["id"]
        run = await finished(client, id)
        assert run["statuses"] == {"completed": 2, "needs_input": 1, "escalated": 1, "failed": 1, "running": 0}
        assert (await client.get("/runs")).json()[0]["summary"] == run["summary"]

        path = f"/runs/{id}/records"
        pages = [(await client.get(path, params={"limit": 2, "after": after})).json() for after in (0, 2, 4)]
        assert [[row["custom_id"] for row in page] for page in pages] == [["a/1", "b"], ["c", "d"], ["e"]]
        [asking] = (await client.get(path, params={"status": "needs_input"})).json()
        assert asking["tells"] == "Which row?"
        for asked, found in (
            ({"q": "ROW front"}, ["a/1", "e"]),
            ({"q": "manager"}, ["c"]),
            ({"q": "100%"}, []),
            ({"q": "a/1"}, ["a/1"]),
            ({"q": '"front" nobody'}, []),
            ({"q": "froñt"}, []),
            ({"sort": "name", "after": 3}, ["d", "e"]),
            ({"sort": "name"}, ["a/1", "b", "c", "d", "e"]),
            ({"intent": "seat", "status": "failed"}, ["d"]),
            ({"intent": "undecided"}, []),
        ):
            assert [row["custom_id"] for row in (await client.get(path, params=asked)).json()] == found, asked
        for sort in ("ended", "slowest", "tokens"):
            last, seen = 0, []
            while rows := (await client.get(path, params={"sort": sort, "after": last, "limit": 2})).json():
                last, seen = rows[-1]["number"], seen + [row["custom_id"] for row in rows]
            assert sorted(seen) == ["a/1", "b", "c", "d", "e"], sort
        one = (await client.get(f"{path}/a/1")).json()
        assert [step["name"] for step in one["steps"]] == ["seat"]
        assert one["outcome"]["message"] == "Please take row front."
        assert "Traceback" not in (await client.get(f"{path}/d")).text
        results = (await client.get(f"/runs/{id}/results")).text
        assert {json.loads(line)["custom_id"] for line in results.splitlines()} == {"a/1", "b", "c", "d", "e"}


async def test_a_run_that_was_stopped_goes_on_when_the_service_is_back(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        lines = [json.dumps({"custom_id": str(number), "text": "wait in the front"}) for number in range(40)]
        id = (await client.post("/runs", content="\n".join(lines))).json()["id"]
        while not (await client.get(f"/runs/{id}")).json()["statuses"].get("running"):
            await asyncio.sleep(0.01)
    (tmp_path / "out" / "runs" / id / "out" / "door").touch()
    async with hall(tmp_path) as (client, _):
        run = await finished(client, id)
    assert run["state"] == "finished"
    assert run["statuses"]["completed"] == 40
    assert (tmp_path / "out" / "runs" / id / "out" / "seats.txt").read_text().count("front") == 40


async def test_an_upload_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        for answer in (
            await client.post("/runs", content=b""),
            await client.post("/runs", content=b"not json\n"),
            await client.post("/runs", data={"field": "no file"}),
            await client.post("/runs", files={"file": ("empty.jsonl", b"")}),
            await client.post("/runs", content=b"broken", headers={"Content-Type": "multipart/form-data"}),
            await client.post("/runs", content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=x"}),
        ):
            assert answer.status_code in (400, 422), answer.text
            assert str(tmp_path) not in sentence(answer)
        assert (await client.get("/runs")).json() == []
        assert not list((tmp_path / "out" / "runs").iterdir())


async def test_what_is_not_there(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = (await client.post("/runs", content=LINES)).json()["id"]
        await finished(client, id)
        for path in (
            "/runs/none",
            "/runs/none/records",
            "/runs/none/results",
            "/runs/..%2F..%2Fetc/records",
            f"/runs/{id}/records/none",
        ):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert sentence(answer)
