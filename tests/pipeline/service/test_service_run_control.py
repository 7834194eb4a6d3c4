"""Runs that people steer: paused, gone on with, cancelled, tried again, renamed and taken away, also over a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import hall, sentence

WAITING = "".join(json.dumps({"custom_id": str(number), "text": "wait in the front"}) + "\n" for number in range(40))
MIXED = "".join(
    json.dumps({"custom_id": id, "text": text}) + "\n"
    for id, text in (("a", "in the front"), ("b", "A seat"), ("c", "manager"), ("d", "crash"))
)


async def until(client: httpx.AsyncClient, id: str, *states: str) -> dict[str, Any]:
    while (run := (await client.get(f"/runs/{id}")).json())["state"] not in states:
        await asyncio.sleep(0.02)
    found: dict[str, Any] = run
    return found


async def begun(client: httpx.AsyncClient) -> str:
    """A run of which the records wait for a door."""
    id: str = (await client.post("/runs", content=WAITING)).json()["id"]
    while not (await client.get(f"/runs/{id}")).json()["statuses"].get("running"):
        await asyncio.sleep(0.01)
    return id


def open_door(folder: Path, id: str) -> None:
    (folder / "out" / "runs" / id / "out" / "door").touch()


async def test_a_paused_run_stays_paused_over_a_restart_and_goes_on_when_it_is_told_to(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begun(client)
        assert (await client.post(f"/runs/{id}/pause")).json()["state"] == "pausing"
        open_door(tmp_path, id)
        run = await until(client, id, "paused")
        assert 0 < run["statuses"]["completed"] < 40, "what was under way ends, and no further record is begun"
        other = (await client.post("/runs", content=MIXED)).json()["id"]
        await until(client, other, "finished")  # those behind it have their turn
    async with hall(tmp_path) as (client, _):
        await asyncio.sleep(0.2)
        assert (await until(client, id, "paused"))["statuses"] == run["statuses"]
        assert (await client.post(f"/runs/{id}/resume")).json()["state"] in ("waiting", "running")
        run = await until(client, id, "finished")
        assert run["statuses"]["completed"] == 40
        assert run["worked"] > 0
        for what in ("pause", "resume"):
            refused = await client.post(f"/runs/{id}/{what}")
            assert refused.status_code == 409
            assert sentence(refused)
    assert (tmp_path / "out" / "runs" / id / "out" / "seats.txt").read_text().count("front") == 40


async def test_a_run_is_resumed_while_it_is_being_paused(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begun(client)
        assert (await client.post(f"/runs/{id}/pause")).json()["stopped_by"] == "operator"
        await client.post(f"/runs/{id}/resume")
        open_door(tmp_path, id)
        run = await until(client, id, "finished")
        assert (run["statuses"]["completed"], run["stopped_by"]) == (40, None)


async def test_a_cancelled_run_says_so_and_by_whom(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens="operator/ann:secret-of-ann") as (client, _):
        client.headers["Authorization"] = "Bearer secret-of-ann"
        id = await begun(client)
        waiting = (await client.post("/runs", content=MIXED)).json()["id"]
        cancelled = (await client.post(f"/runs/{waiting}/cancel")).json()
        assert (cancelled["state"], cancelled["stopped_by"]) == ("cancelled", "ann")
        assert (await client.post(f"/runs/{id}/cancel")).json()["state"] == "cancelling"
        open_door(tmp_path, id)
        run = await until(client, id, "cancelled")
        assert 0 < run["statuses"]["completed"] < 40
        assert (await client.get("/runs")).json()[1]["state"] == "cancelled"
    async with hall(tmp_path, tokens="operator/ann:secret-of-ann") as (client, _):
        client.headers["Authorization"] = "Bearer secret-of-ann"
        await asyncio.sleep(0.2)
        assert (await until(client, id, "cancelled"))["statuses"] == run["statuses"]


async def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = (await client.post("/runs", content=MIXED)).json()["id"]
        await until(client, id, "finished")
        again = (await client.post(f"/runs/{id}/retry")).json()
        assert again["retried"] == 1
        assert (await until(client, id, "finished"))["statuses"]["failed"] == 1
        assert (await client.get(f"/runs/{id}/records/d")).json()["retries"] == 1
        assert (await client.get(f"/runs/{id}/records/c")).json()["retries"] == 0
        again = (await client.post(f"/runs/{id}/retry", json={"records": ["c"]})).json()
        assert again["retried"] == 1
        await until(client, id, "finished")
        assert (await client.get(f"/runs/{id}/records/c")).json()["retries"] == 1
        assert (await client.get(f"/runs/{id}/records/d")).json()["retries"] == 1
        unknown = await client.post(f"/runs/{id}/retry", json={"records": ["none"]})
        assert (unknown.status_code, "'none'" in sentence(unknown)) == (409, True)


async def test_a_deleted_run_leaves_no_file_also_when_it_is_served_or_its_deletion_was_cut_off(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        ended = (await client.post("/runs", content=MIXED)).json()["id"]
        await until(client, ended, "finished")
        assert (await client.delete(f"/runs/{ended}")).json() == {"id": ended, "deleted": True}
        served = await begun(client)
        waiting = (await client.post("/runs", content=MIXED)).json()["id"]
        assert (await client.delete(f"/runs/{waiting}")).json()["deleted"]
        assert not (await client.delete(f"/runs/{served}")).json()["deleted"]
        assert (await client.get(f"/runs/{served}")).json()["state"] == "deleting"
        open_door(tmp_path, served)
        while (await client.get(f"/runs/{served}")).status_code != 404:
            await asyncio.sleep(0.02)
        async with asyncio.timeout(30):  # its note goes before its folder does
            while list((tmp_path / "out" / "runs").iterdir()):
                await asyncio.sleep(0.02)
        id = (await client.post("/runs", content=MIXED)).json()["id"]  # whoever serves them is well
        await until(client, id, "finished")
        service.runs.notes.write(id, {"state": "deleting"})
    async with hall(tmp_path) as (client, _):
        while (await client.get("/runs")).json():
            await asyncio.sleep(0.02)
        assert not list((tmp_path / "out" / "runs").iterdir())


async def test_a_run_has_the_name_of_its_file_until_it_is_given_another(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        form = await client.post("/runs", files={"file": ("C:\\mail\\Monday.jsonl", MIXED)})
        assert form.json()["name"] == "Monday.jsonl"
        id = (await client.post("/runs", params={"name": "Tuesday.jsonl"}, content=MIXED)).json()["id"]
        assert (await client.patch(f"/runs/{id}", json={"name": "The second of them"})).json()["name"] == (
            "The second of them"
        )
        await until(client, id, "finished")
        run = (await client.patch(f"/runs/{id}", json={"name": " "})).json()
        assert (run["name"], run["file"]) == ("Tuesday.jsonl", "Tuesday.jsonl")
        assert (await client.patch(f"/runs/{id}", json={"name": "x" * 201})).status_code == 422


async def test_lines_that_could_not_be_read_are_listed_with_their_reasons(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        content = MIXED + "not json\n" + json.dumps({"custom_id": "a", "text": "twice"}) + "\n"
        id = (await client.post("/runs", content=content)).json()["id"]
        unread = (await client.get(f"/runs/{id}/unread")).json()
        assert [(line["line"], line.get("custom_id")) for line in unread] == [(5, None), (6, "a")]
        assert unread[0]["reason"] == "The line is not JSON."
        assert (await client.get(f"/runs/{id}/unread", params={"after": 1, "limit": 1})).json() == unread[1:]


async def test_a_run_that_is_served_says_how_fast_it_is_and_how_long_it_takes_still(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        id = await begun(client)
        first = (await client.get(f"/runs/{id}")).json()
        assert (first["rate"], first["seconds_left"]) == (None, None)
        for _ in range(3):
            service.runs.pace.count(id)
        run = (await client.get(f"/runs/{id}")).json()
        assert run["seconds_left"] == pytest.approx(40 / run["rate"])
        open_door(tmp_path, id)
        assert (await until(client, id, "finished"))["rate"] is None


async def test_only_operators_steer_runs(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens="user:one-of-many operator:at-the-desk") as (client, _):
        desk, user = ({"Authorization": f"Bearer {token}"} for token in ("at-the-desk", "one-of-many"))
        id = (await client.post("/runs", content=MIXED, headers=desk)).json()["id"]
        for what in ("pause", "resume", "cancel", "retry"):
            assert (await client.post(f"/runs/{id}/{what}", headers=user)).status_code == 403
            assert (await client.post(f"/runs/none/{what}", headers=desk)).status_code == 404
        assert (await client.delete(f"/runs/{id}", headers=user)).status_code == 403
        assert (await client.patch(f"/runs/{id}", json={"name": "mine"}, headers=user)).status_code == 403
        assert (await client.get(f"/runs/{id}/unread", headers=user)).status_code == 403
