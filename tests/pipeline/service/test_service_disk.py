"""A disk that was full once: told while it lasts, and over when it is over. Nothing is lost, and nobody restarts it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import begin, hall, process, say

from pipeline.errors import UsageError
from pipeline.files import is_full

LINES = "".join(
    json.dumps({"custom_id": f"{number}", "text": "wait in the front" if number > 3 else "in the front"}) + "\n"
    for number in range(8)
)


WITH_A_FILE = """
import sqlite3
from pathlib import Path

from pipeline import App, Run, workflow


def prepare(state, today):
    if Path(__file__).with_name("full").exists():
        connection = sqlite3.connect(state / "own.sqlite", isolation_level=None)
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE own (column)")


@workflow(intent="seat", examples=["A seat, please."])
async def take_seat(run: Run) -> str:
    \"\"\"Find somebody a seat.\"\"\"
    return "Please take any."


app = App("own", [take_seat], prepare=prepare)
"""


async def ready(client: httpx.AsyncClient) -> dict[str, Any]:
    """What a probe is told, on a connection of its own: that of a refused upload may be closed by then."""
    async with httpx.AsyncClient(base_url=client.base_url, timeout=30) as probe:
        told: dict[str, Any] = (await probe.get("/readyz")).json()
    return told


async def until_ready(client: httpx.AsyncClient) -> None:
    while (await client.get("/readyz")).status_code != 200:
        await asyncio.sleep(0.05)


async def state(client: httpx.AsyncClient, run: str, *states: str) -> dict[str, Any]:
    while (told := (await client.get(f"/runs/{run}")).json())["state"] not in states:
        await asyncio.sleep(0.05)
    found: dict[str, Any] = told
    return found


async def test_messages_are_taken_again_once_there_is_space(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            id = await begin(client)
            assert (await say(client, id, "A seat"))["conversation"]["state"] == "asking"
            with server.full():
                refused = await client.post(f"/conversations/{id}/messages", json={"text": "back"})
                assert refused.status_code == 503
                assert (await client.post("/runs", content=LINES)).status_code == 503
                told = await ready(client)
                assert (told["status"], told["journal"]) == ("not ready", False)
                assert (await client.get("/healthz")).status_code == 200
                assert (await client.get(f"/conversations/{id}")).json()["state"] == "asking"
            await until_ready(client)
            assert (await say(client, id, "back"))["conversation"]["turns"][-1]["text"] == "Please take row back."
            assert (await client.get("/runs")).json() == []
    assert (tmp_path / "out" / "seats.txt").read_text() == "back\n"


async def test_a_run_that_a_full_disk_interrupts_goes_on_and_so_do_those_behind_it(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            first = (await client.post("/runs", content=LINES)).json()["id"]
            while (await client.get(f"/runs/{first}")).json()["statuses"].get("completed", 0) < 4:
                await asyncio.sleep(0.02)
            with server.full():
                (tmp_path / "out" / "runs" / first / "out" / "door").touch()
                told = await state(client, first, "waiting")
                assert "interrupted" in told["error"]
                metrics = (await client.get("/metrics")).text
                assert "interlock_run_interruptions_total 0.0" not in metrics
                assert (await ready(client))["runs"] is True
            second = await client.post("/runs", content=json.dumps({"custom_id": "x", "text": "front"}))
            assert second.status_code == 202, second.text
            done = await state(client, first, "finished", "stopped")
            assert (done["state"], done["error"]) == ("finished", None)
            assert done["statuses"]["completed"] + done["statuses"]["escalated"] == 8
            assert (await state(client, second.json()["id"], "finished", "stopped"))["state"] == "finished"


async def test_a_run_of_an_app_whose_own_files_find_no_space_goes_on(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(WITH_A_FILE)
    async with hall(tmp_path, app=tmp_path / "own.py") as (client, _):
        (tmp_path / "full").touch()
        run = (await client.post("/runs", content=json.dumps({"custom_id": "x", "text": "front"}))).json()["id"]
        assert "interrupted" in (await state(client, run, "waiting", "stopped"))["error"]
        (tmp_path / "full").unlink()
        assert (await state(client, run, "finished", "stopped"))["state"] == "finished"


def test_a_full_disk_is_known_behind_what_is_told_of_it() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(UsageError) as told:  # noqa: PT012
        try:
            connection.execute("CREATE TABLE own (column)")
        except sqlite3.OperationalError as error:
            raise UsageError("The app cannot use its own files.") from error
    assert is_full(told.value)
    assert not is_full(UsageError("The app cannot use its own files."))
    connection.close()
