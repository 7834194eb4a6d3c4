"""The desk over HTTP: questions, approvals and escalations of runs are answered on it, and the run goes on."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import begin, hall, say, sentence

PURCHASE = Path(__file__).parents[1] / "apps" / "purchase.py"
TOKENS = "operator/ann:first-token operator/bob/manager:second-token operator/eve/finance:third-token"
ANN, BOB, EVE = ({"Authorization": f"Bearer {name}-token"} for name in ("first", "second", "third"))


def rows(**texts: str) -> str:
    return "".join(json.dumps({"custom_id": id.replace("_", "/"), "text": text}) + "\n" for id, text in texts.items())


async def served(client: httpx.AsyncClient, content: str, **headers: str) -> str:
    id: str = (await client.post("/runs", content=content, headers=headers)).json()["id"]
    await finished(client, id, **headers)
    return id


async def finished(client: httpx.AsyncClient, id: str, **headers: str) -> dict[str, Any]:
    path = f"/runs/{id}"
    while (run := (await client.get(path, headers=headers)).json())["state"] in ("waiting", "running"):
        await asyncio.sleep(0.02)
    found: dict[str, Any] = run
    return found


async def desk(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **asked: Any) -> dict[str, Any]:
    answer = await client.get("/desk", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_question_of_a_run_is_answered_and_the_run_goes_on(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await served(client, rows(a_1="A seat", b="in the front", c="manager"))
        talk = await begin(client)
        await say(client, talk, "I want the manager")
        waits = await desk(client)
        assert [(case["run"], case["record"], case["kind"]) for case in waits["cases"]] == [
            (id, "a/1", "question"),
            (id, "c", "escalation"),
            ("", f"{talk}:1", "escalation"),
        ]
        assert waits["counts"] == {"open": 3, "taken": 0, "mine": 0, "found": 3}
        told = (await client.get("/metrics")).text
        assert 'interlock_desk_cases{state="open"} 3.0' in told
        assert re.search(
            r"interlock_desk_oldest_case_seconds 0\.0*[1-9]|interlock_desk_oldest_case_seconds [1-9]", told
        )
        case = (await client.get(f"/desk/{id}/a/1")).json()
        assert (case["asks"], case["transcript"][0]["text"]) == ("Which row?", "A seat")
        wrong = await client.post(f"/desk/{id}/a/1/answer", json={"text": " "})
        assert wrong.status_code == 422
        given = await client.post(f"/desk/{id}/a/1/answer", json={"text": "front"})
        assert given.json()["state"] == "closed", given.text
        assert (await client.post(f"/desk/{id}/a/1/answer", json={"text": "back"})).status_code == 409
        run = await finished(client, id)
        assert run["statuses"] == {"completed": 2, "needs_input": 0, "escalated": 1, "failed": 0, "running": 0}
        assert run["state"] == "finished"
        out = tmp_path / "out" / "runs" / id / "out"
        assert (out / "seats.txt").read_text().count("front") == 2
        assert (out / "questions.jsonl").read_text() == ""

        closed = await client.post(f"/desk/{id}/c/close", json={"text": "She has called back."})
        assert closed.status_code == 200
        await finished(client, id)
        [settled] = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines() if '"c"' in line]
        assert (settled["status"], settled["message"]) == ("completed", "She has called back.")
        done = await desk(client, state="closed")
        assert [(one["record"], one["answer"]) for one in done["cases"]] == [
            ("c", "She has called back."),
            ("a/1", "front"),
        ]
        assert (await desk(client, run="-"))["counts"]["found"] == 1
        assert (await desk(client, q="MANAGER", kind="escalation"))["counts"]["found"] == 1
        assert (await desk(client, q="100%"))["cases"] == []


async def test_a_file_of_answers_and_what_is_left_out(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await served(client, rows(a="A seat", b="A seat", c="manager", d="A seat"))
        waiting = [json.loads(line) for line in (await client.get(f"/runs/{id}/waiting")).text.splitlines()]
        assert [(row["custom_id"], row["kind"]) for row in waiting][-1] == ("c", "escalation") or len(waiting) == 4
        answers = "".join(
            json.dumps({"custom_id": one, "answer": text}) + "\n"
            for one, text in (("a", "front"), ("none", "front"), ("b", "back"), ("c", "Done."), ("a", "back"))
        )
        told = (await client.post(f"/runs/{id}/answers", content=answers)).json()
        assert told["answered"] == ["a", "b", "c"]
        assert [row["line"] for row in told["left_out"]] == [2, 5]
        run = await finished(client, id)
        assert (run["statuses"]["completed"], run["statuses"]["needs_input"]) == (3, 1)
        assert (await client.post(f"/runs/{id}/answers", content="")).status_code == 422
        assert (await client.post("/runs/none/answers", content=answers)).status_code == 404


async def test_answers_that_come_while_the_run_is_under_way_are_served_too(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        lines = rows(ask="A seat") + rows(**{f"n{number}": "wait in the front" for number in range(8)})
        id = (await client.post("/runs", content=lines)).json()["id"]
        while not (await desk(client))["cases"]:
            await asyncio.sleep(0.02)
        assert (await client.post(f"/desk/{id}/ask/answer", json={"text": "front"})).status_code == 200
        assert (await client.get(f"/runs/{id}")).json()["state"] == "running"
        (tmp_path / "out" / "runs" / id / "out" / "door").touch()
        run = await finished(client, id)
    assert (run["state"], run["statuses"]["completed"]) == ("finished", 9)


async def test_a_case_that_another_has_taken_says_so_once(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        id = await served(client, rows(a="A seat"), **ANN)
        path = f"/desk/{id}/a"
        assert (await client.post(f"{path}/take", headers=ANN)).status_code == 200
        told = await client.post(f"{path}/answer", json={"text": "front"}, headers=BOB)
        assert told.status_code == 409
        assert told.json()["error"] == {
            "code": "busy",
            "message": "ann has taken this case: leave it to them.",
            "hint": "",
        }
        assert [(await client.get(path, headers=who)).json()["may"] for who in (ANN, BOB)] == [True, False]


async def test_thousands_are_paged_oldest_first(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await served(client, rows(**{f"r{number:03}": "A seat" for number in range(120)}))
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await desk(client, limit=50, run=id, **after)
            seen += [case["record"] for case in page["cases"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert len(seen) == len(set(seen)) == page["counts"]["open"] == 120
        assert (await desk(client, limit=0))["counts"]["open"] == 120
        assert (await client.get("/desk", params={"after": "nonsense"})).status_code == 422


async def test_what_one_has_taken_is_theirs(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        id = await served(client, rows(a="A seat", c="manager"), **ANN)
        for record in ("a", "c"):
            assert (await client.post(f"/desk/{id}/{record}/take", headers=ANN)).json()["by"] == "ann"
            refused = await client.post(f"/desk/{id}/{record}/answer", json={"text": "front"}, headers=BOB)
            assert refused.status_code == 409
            assert "ann" in sentence(refused)
        file = json.dumps({"custom_id": "a", "answer": "front"})
        assert (await client.post(f"/runs/{id}/answers", content=file, headers=BOB)).json()["answered"] == []
        assert (await desk(client, ANN, mine=True))["counts"]["mine"] == 2
        assert (await desk(client, BOB, mine=True))["cases"] == []
        assert (await client.post(f"/desk/{id}/a/close", headers=ANN)).status_code == 409
        assert (await client.post(f"/desk/{id}/a/answer", json={"text": "front"}, headers=ANN)).status_code == 200
        assert (await client.post(f"/desk/{id}/c/close", headers=ANN)).status_code == 200
        assert [case["by"] for case in (await desk(client, BOB, state="closed"))["cases"]] == ["ann", "ann"]


@pytest.mark.parametrize("run", [True, False])
async def test_a_role_approves_and_nobody_else(tmp_path: Path, run: bool) -> None:
    async with hall(tmp_path, tokens=TOKENS, app=PURCHASE) as (client, _):
        if run:
            place, record = await served(client, rows(a="a laptop for 900"), **ANN), "a"
        else:
            place, record = "-", f"{(talk := await begin(client, **ANN))}:1"
            await say(client, talk, "a laptop for 900", **ANN)
        [case] = (await desk(client, EVE))["cases"]
        assert (case["kind"], case["to"], case["action"], case["arguments"][1:]) == (
            "approval",
            "manager",
            "order",
            [900],
        )
        path = f"/desk/{place}/{record}"
        assert (await client.get(path, headers=EVE)).json()["may"] is False
        assert (await client.post(f"{path}/answer", json={"text": "yes"}, headers=EVE)).status_code == 403
        own = await client.post(f"{path}/answer", json={"text": "yes"}, headers=ANN)
        assert own.status_code == 409
        assert "Whoever asks does not approve" in sentence(own)
        assert (await client.post(f"{path}/answer", json={"text": "maybe"}, headers=BOB)).status_code == 422
        given = await client.post(f"{path}/answer", json={"text": "yes"}, headers=BOB)
        assert given.status_code == 200, given.text
        orders = (tmp_path / "out" / "runs" / place / "out" if run else tmp_path / "out") / "orders.txt"
        while not orders.exists():
            await asyncio.sleep(0.02)
        assert (await desk(client, EVE, state="closed"))["cases"][0]["by"] == "bob"
        assert (await client.get(path, headers=BOB)).json()["state"] == "closed"


async def test_an_answer_is_given_to_the_question_that_it_names_alone(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await served(client, rows(a="A seat"))
        path = f"/desk/{id}/a/answer"
        other = await client.post(path, json={"text": "front", "question": "Which door?"})
        assert other.status_code == 409
        assert "Something else is asked by now" in sentence(other)
        assert (await client.post(path, json={"text": "front", "question": "Which row?"})).status_code == 200


async def test_the_earlier_names_obey_the_same_rules(tmp_path: Path) -> None:
    """A role that may not approve on the desk may not by /approvals; what waits for an approval is no escalation."""
    async with hall(tmp_path, tokens=TOKENS, app=PURCHASE) as (client, _):
        talk = await begin(client, **ANN)
        await say(client, talk, "a laptop for 900", **ANN)
        assert (await client.get("/escalations", headers=EVE)).json() == []
        for name in ("take", "answer", "close"):
            none = await client.post(f"/escalations/{talk}:1/{name}", json={"text": "yes"}, headers=BOB)
            assert none.status_code == 404
        refused = await client.post(f"/approvals/{talk}:1", json={"approve": True}, headers=EVE)
        assert refused.status_code == 403
        assert (await client.post(f"/approvals/{talk}:1", json={"approve": True}, headers=BOB)).status_code == 200
