"""Several runs at once: each goes on by itself, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from service_world import QUICK, hall, process

WAITING = "".join(json.dumps({"custom_id": str(number), "text": "wait in the front"}) + "\n" for number in range(40))


async def until(client: httpx.AsyncClient, id: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (run := (await client.get(f"/runs/{id}")).json())["state"] != state:
            await asyncio.sleep(0.02)
    found: dict[str, Any] = run
    return found


async def begun(client: httpx.AsyncClient) -> str:
    """A run of which the records wait for a door."""
    id: str = (await client.post("/runs", content=WAITING)).json()["id"]
    async with asyncio.timeout(60):
        while not (await client.get(f"/runs/{id}")).json()["statuses"].get("running"):
            await asyncio.sleep(0.02)
    return id


def seats(folder: Path, id: str) -> int:
    return (folder / "out" / "runs" / id / "out" / "seats.txt").read_text().count("front")


def open_door(folder: Path, id: str) -> None:
    (folder / "out" / "runs" / id / "out" / "door").touch()


async def test_two_runs_are_served_at_once_and_each_is_steered_by_itself(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, runs=2)) as (client, _):
        first, second = await begun(client), await begun(client)
        third = (await client.post("/runs", content=WAITING)).json()["id"]
        assert (await client.post(f"/runs/{first}/pause")).json()["state"] == "pausing"
        assert (await client.post(f"/runs/{first}/resume")).json()["state"] == "waiting"
        assert (await client.post(f"/runs/{second}/cancel")).json()["state"] == "cancelling"
        open_door(tmp_path, second)
        assert 0 < (await until(client, second, "cancelled"))["statuses"]["completed"] < 40
        assert (await until(client, third, "running"))["statuses"].get("completed", 0) == 0
        assert (await client.get(f"/runs/{first}")).json()["statuses"]["running"] > 0
        for id in (first, third):
            open_door(tmp_path, id)
            assert (await until(client, id, "finished"))["statuses"]["completed"] == 40
        assert (seats(tmp_path, first), seats(tmp_path, third)) == (40, 40)


async def test_both_go_on_after_a_kill_and_nothing_is_done_twice(tmp_path: Path) -> None:
    with process(tmp_path, runs=2) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            both = [await begun(client), await begun(client)]
        server.kill()
    for id in both:
        open_door(tmp_path, id)
    with process(tmp_path, runs=2) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            for id in both:
                assert (await until(client, id, "finished"))["statuses"]["completed"] == 40
    assert [seats(tmp_path, id) for id in both] == [40, 40]


async def test_one_token_leaves_room_and_a_turn_for_others(tmp_path: Path) -> None:
    limits = replace(QUICK, runs=2)
    async with hall(tmp_path, limits, "operator/ann:ann-at-work operator/bob:bob-at-work") as (client, _):
        anns, bobs = ({"Authorization": f"Bearer {name}-at-work"} for name in ("ann", "bob"))
        client.headers.update(anns)
        first, second = await begun(client), await begun(client)
        waiting = [await client.post("/runs", content=WAITING) for _ in range(88)]
        assert {answer.status_code for answer in waiting} == {202}
        refused = await client.post("/runs", content=WAITING)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert refused.json()["error"]["message"] == "88 runs of one token wait already."

        client.headers.update(bobs)
        other = (await client.post("/runs", content=WAITING)).json()["id"]
        open_door(tmp_path, second)  # its records under way come to their end, and then it is another one's turn
        await until(client, other, "running")
        assert (await client.get(f"/runs/{second}")).json()["state"] == "waiting"
        open_door(tmp_path, other)
        assert (await until(client, other, "finished"))["statuses"]["completed"] == 40

        client.headers.update(anns)
        for answer in waiting:
            await client.post(f"/runs/{answer.json()['id']}/cancel")
        open_door(tmp_path, first)
        for id in (first, second):
            assert (await until(client, id, "finished"))["statuses"]["completed"] == 40
            assert seats(tmp_path, id) == 40
