"""The operator's desk over HTTP: what is with a person, and how the person answers into the conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from service_world import SSE, begin, frames, hall, say, sentence


async def test_an_operator_takes_over_answers_and_closes(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        told = await say(client, id, "I want the manager")
        assert told["events"][-1]["status"] == "escalated"
        [handed] = (await client.get("/escalations")).json()
        assert handed["reason"] == "They want the manager."
        record = f"/escalations/{handed['record']}"
        known = (await client.get(record)).json()
        assert [turn["role"] for turn in known["transcript"]] == ["customer", "assistant"]
        assert known["evidence"] == known["attempts"] == known["actions"] == []

        async with client.stream(
            "GET", f"/conversations/{id}/events", headers={**SSE, "Last-Event-ID": str(told["events"][-1]["id"])}
        ) as answer:
            lines = answer.aiter_lines()
            for what, body in (("take", {}), ("answer", {"text": "I am the manager."}), ("close", {"text": "Bye."})):
                assert (await client.post(f"{record}/{what}", json=body)).status_code == 200
            heard = ""
            async for line in lines:
                heard += line + "\n"
                if "event: operator_left" in heard and line == "":
                    break
        assert [name for _, name, _ in frames(heard)] == [
            "operator_joined",
            "operator_said",
            "operator_said",
            "operator_left",
        ]
        shown = (await client.get(f"/conversations/{id}")).json()
        assert [turn["text"] for turn in shown["turns"] if turn["role"] == "operator"] == ["I am the manager.", "Bye."]
        assert shown["state"] == "open"


async def test_what_a_customer_writes_to_an_operator_is_not_served(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        await say(client, id, "manager")
        [handed] = (await client.get("/escalations", params={"state": "open"})).json()
        await client.post(f"/escalations/{handed['record']}/take")
        told = await say(client, id, "A seat in the front")
        assert [event["event"] for event in told["events"]] == ["MessageReceived", "TurnFinished"]
        assert not (tmp_path / "out" / "seats.txt").exists()
        assert (await client.get("/escalations", params={"state": "open"})).json() == []
        assert len((await client.get("/escalations", params={"state": "taken"})).json()) == 1


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        await say(client, id, "manager")
        [handed] = (await client.get("/escalations")).json()
        path = f"/escalations/{handed['record']}"
        await client.post(f"{path}/close")
        for status, answer in (
            (409, await client.post(f"{path}/take")),
            (409, await client.post(f"{path}/answer", json={"text": "Hello"})),
            (422, await client.post(f"{path}/answer", json={"text": " "})),
            (404, await client.get("/escalations/none")),
            (404, await client.post("/escalations/none/take")),
            (422, await client.get("/escalations", params={"state": "lost"})),
        ):
            assert answer.status_code == status, answer.text
            assert sentence(answer)


async def test_two_operators_do_not_take_the_same(tmp_path: Path) -> None:
    tokens = "operator:first-token operator:second-token"
    first, second = ({"Authorization": f"Bearer {name}"} for name in ("first-token", "second-token"))
    async with hall(tmp_path, tokens=tokens) as (client, _):
        id = await begin(client, **first)
        await say(client, id, "manager", **first)
        [handed] = (await client.get("/escalations", headers=first)).json()
        path = f"/escalations/{handed['record']}/take"
        took = await asyncio.gather(*(client.post(path, headers=headers) for headers in (first, second)))
        assert sorted(answer.status_code for answer in took) == [200, 409]
        taken = (await client.get("/escalations", headers=first)).json()[0]["by"]
        assert taken.startswith("operator ")
        assert "first" not in taken
        assert "second" not in taken


async def test_an_operators_name_is_kept_and_shown_to_the_customer(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer long-enough"}
    async with hall(tmp_path, tokens="operator/Ines_K:long-enough") as (client, _):
        assert (await client.get("/app", headers=headers)).json()["caller"] == "Ines_K"
        id = await begin(client, **headers)
        await say(client, id, "manager", **headers)
        [handed] = (await client.get("/escalations", headers=headers)).json()
        path = f"/escalations/{handed['record']}"
        answered = await client.post(f"{path}/answer", json={"text": "I look into it."}, headers=headers)
        assert answered.json()["by"] == "Ines_K"
        turns = (await client.get(path, headers=headers)).json()["transcript"]
        assert [turn["by"] for turn in turns if turn["role"] == "operator"] == ["Ines_K"]
