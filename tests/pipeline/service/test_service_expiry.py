"""A question that nobody answers in time goes to a person, once, whatever is killed; who answers too late is told."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipeline_world import TODAY, lines, write_requests
from service_world import QUICK, begin, hall, process, say, sentence

from pipeline import Journal, load_app, read_requests, run_batch
from pipeline.ages import in_words
from pipeline.batch.answers import apply
from pipeline.journal.expiry import due, expired
from pipeline.service.expiry import Expiry
from pipeline.service.service import Service

HALL = Path(__file__).parents[1] / "apps" / "hall.py"
PURCHASE = Path(__file__).parents[1] / "apps" / "purchase.py"
WEEK = 604_800.0
ENDED = "json_extract(body, '$.event') = 'RecordFinished'"
TOKENS = "user:asks-token operator:first-token"
USER, OPERATOR = ({"Authorization": f"Bearer {name}-token"} for name in ("asks", "first"))


def aged(path: Path, seconds: float = 8 * 86_400.0) -> None:
    """As if all that a journal has asked had been asked so much earlier."""
    with closing(sqlite3.connect(path, timeout=30)) as journal, journal:
        journal.execute("UPDATE questions SET asked = asked - ?", (seconds,))


async def sweep(service: Service) -> None:
    await Expiry(WEEK, service.dialogues, service.runs).sweep()


async def ended(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    while (run := (await client.get(f"/runs/{id}")).json())["state"] in ("waiting", "running"):
        await asyncio.sleep(0.02)
    found: dict[str, Any] = run
    return found


async def asked(client: httpx.AsyncClient, **texts: str) -> str:
    content = "".join(json.dumps({"custom_id": id, "text": text}) + "\n" for id, text in texts.items())
    id: str = (await client.post("/runs", content=content)).json()["id"]
    await ended(client, id)
    return id


async def test_a_question_of_a_run_goes_to_a_person_and_a_late_answer_is_told_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        old, young = await asked(client, a="A seat", b="in the front"), await asked(client, c="A seat")
        out = tmp_path / "out" / "runs" / old / "out"
        aged(out / "journal.sqlite")
        await sweep(service)
        run = await ended(client, old)
        assert (run["state"], run["statuses"]["escalated"], run["statuses"]["needs_input"]) == ("finished", 1, 0)
        assert (await ended(client, young))["statuses"]["needs_input"] == 1
        [row] = [row for row in lines(out / "results.jsonl") if row["custom_id"] == "a"]
        assert row["escalation"] == {"to": "human", "reason": 'Nobody answered "Which row?" within 7 days.'}
        assert row["intent"] == "seat"
        [case] = (await client.get("/desk", params={"run": old})).json()["cases"]
        assert (case["kind"], case["expired"], case["asks"]) == ("escalation", True, row["escalation"]["reason"])

        for late in ({"text": "front"}, {"text": "front", "question": "Which row?"}):
            told = await client.post(f"/desk/{old}/a/answer", json=late)
            assert told.status_code == 409
            assert "not answered in time" in sentence(told)
        file = json.dumps({"custom_id": "a", "answer": "front"})
        left_out = (await client.post(f"/runs/{old}/answers", content=file)).json()["left_out"]
        assert "was not answered in time" in left_out[0]["reason"]
        await sweep(service)
        await ended(client, old)
        steps = (await client.get(f"/runs/{old}/records/a")).json()["steps"]
        assert [step["name"] for step in steps].count("ask") == 1
        assert (out / "seats.txt").read_text() == "front\n"

        given = await client.post(f"/desk/{old}/a/answer", json={"text": "Seated by hand.", "question": case["asks"]})
        assert given.status_code == 200, given.text
        done = (await client.get("/desk", params={"state": "closed", "run": old})).json()["cases"]
        assert [(one["kind"], one["answer"], one["expired"]) for one in done] == [
            ("escalation", "Seated by hand.", False),
            ("question", None, True),
        ]


async def test_what_expired_is_asked_again_where_it_is_tried_again(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        id = await asked(client, a="A seat")
        aged(tmp_path / "out" / "runs" / id / "out" / "journal.sqlite")
        await sweep(service)
        await ended(client, id)
        assert (await client.post(f"/runs/{id}/retry", json={"statuses": ["escalated"]})).json()["retried"] == 1
        await ended(client, id)
        assert (await client.post(f"/desk/{id}/a/answer", json={"text": "back"})).status_code == 200
        assert (await ended(client, id))["statuses"]["completed"] == 1


async def test_a_customer_who_never_answered_is_told_and_asks_anew(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        id = await begin(client)
        await say(client, id, "A seat")
        await sweep(service)  # it is young
        assert (await client.get(f"/conversations/{id}")).json()["state"] == "asking"
        aged(service.journal.path)
        await sweep(service)
        while (shown := (await client.get(f"/conversations/{id}")).json())["state"] != "open":
            await asyncio.sleep(0.02)
        assert shown["turns"][-1]["text"] == (
            "There was no answer to this within 7 days, so it is closed. Nothing was done."
        )
        assert (await client.get("/desk")).json()["cases"] == []  # nobody has to see to it
        told = await say(client, id, "in the front")
        assert told["conversation"]["turns"][-1]["text"] == "Please take row front."
        assert told["conversation"]["turns"][-1]["record"] == f"{id}:2"


async def test_an_approval_that_does_not_come_is_a_persons_business(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS, app=PURCHASE) as (client, service):
        id = await begin(client, **USER)
        await say(client, id, "a laptop for 900", **USER)
        record = f"{id}:1"
        assert (await client.post(f"/desk/-/{record}/take", headers=OPERATOR)).status_code == 200
        aged(service.journal.path)
        await sweep(service)
        while (shown := (await client.get(f"/conversations/{id}", headers=USER)).json())["escalation"] is None:
            await asyncio.sleep(0.02)
        reason = "The approval of the manager did not come within 7 days."
        assert shown["turns"][-1]["text"] == f"A person will take over. {reason}"
        assert shown["escalation"]["state"] == "open"
        for late in (
            await client.post(f"/approvals/{record}", json={"approve": True}, headers=OPERATOR),
            await client.post(f"/desk/-/{record}/answer", json={"text": "yes"}, headers=OPERATOR),
        ):
            assert late.status_code == 409
            assert "not answered in time" in sentence(late)
        shown = (await client.get(f"/conversations/{id}", headers=USER)).json()
        assert shown["turns"][-1]["role"] == "assistant"  # and no "yes" of an operator
    assert not (tmp_path / "out" / "orders.txt").exists()


@pytest.mark.parametrize("run", [True, False])
async def test_killed_at_any_point_it_ends_once(tmp_path: Path, run: bool) -> None:
    """Killed when the journal has it and nothing was served yet; the next process goes on from there."""
    with process(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            if run:
                id = await asked(client, a="A seat")
            else:
                await say(client, id := await begin(client), "A seat")
        server.kill()
    out = tmp_path / "out" / "runs" / id / "out" if run else tmp_path / "out"
    aged(out / "journal.sqlite")
    async with Journal.open(out / "journal.sqlite") as left:
        [late] = due(left, float("inf"))
        await left.write(*expired(late, WEEK))
    for _ in range(2):
        async with hall(tmp_path, limits=replace(QUICK, expire_seconds=WEEK)) as (client, _):
            if run:
                while (await ended(client, id))["statuses"]["escalated"] != 1:
                    await asyncio.sleep(0.02)
            else:
                while (await client.get(f"/conversations/{id}")).json()["state"] != "open":
                    await asyncio.sleep(0.02)
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        [(ends,)] = journal.execute(f"SELECT count(*) FROM events WHERE {ENDED}")
        assert ends == 2  # it was asked, and it ended
        assert journal.execute("SELECT kind FROM questions").fetchall() == [("expired",)]


async def test_an_answer_and_the_end_of_its_time_never_both_count(tmp_path: Path) -> None:
    async with hall(tmp_path, limits=QUICK) as (client, service):
        for number in range(8):
            id = await begin(client)
            await say(client, id, "A seat")
            aged(service.journal.path)
            answer = asyncio.create_task(client.post(f"/conversations/{id}/messages", json={"text": "front"}))
            await asyncio.sleep(0.002 * number)
            await sweep(service)
            await answer
            while (await client.get(f"/conversations/{id}")).json()["state"] == "busy":
                await asyncio.sleep(0.01)
            steps = service.journal.steps(f"{id}:1")
            assert [step.name for step in steps].count("ask") == 1


async def test_a_batch_hands_over_what_nobody_answered(tmp_path: Path) -> None:
    app, out, answers = load_app(str(HALL)), tmp_path / "out", tmp_path / "answers.jsonl"
    source = write_requests(tmp_path / "in.jsonl", {"a": "A seat", "b": "in the front"})
    await run_batch(app, read_requests(source), out, today=TODAY)
    [question] = lines(out / "questions.jsonl")
    await run_batch(app, read_requests(source), out, expire=WEEK)
    assert len(lines(out / "questions.jsonl")) == 1
    aged(out / "journal.sqlite")
    await run_batch(app, read_requests(source), out, expire=WEEK)
    assert lines(out / "questions.jsonl") == []
    [handed] = lines(out / "escalations.jsonl")
    assert handed["reason"] == 'Nobody answered "Which row?" within 7 days.'
    assert handed["transcript"] == [{"role": "customer", "text": "A seat"}, {"role": "assistant", "text": "Which row?"}]
    async with Journal.open(out / "journal.sqlite") as journal:
        for late in ({"custom_id": "a", "answer": "front"}, {**question, "answer": "front"}):
            answers.write_text(json.dumps(late))
            given, [bad] = await apply(lambda id: journal, answers, app)
            assert given == []
            assert "its question was not answered in time" in bad.reason
        answers.write_text(json.dumps({**handed, "answer": "Seated by hand."}))
        assert await apply(lambda id: journal, answers, app) == (["a"], [])
    await run_batch(app, None, out)
    assert {row["custom_id"]: row["message"] for row in lines(out / "results.jsonl")}["a"] == "Seated by hand."


async def test_a_line_for_a_question_never_closes_what_a_person_has(tmp_path: Path) -> None:
    app, out, answers = load_app(str(HALL)), tmp_path / "out", tmp_path / "answers.jsonl"
    source = write_requests(tmp_path / "in.jsonl", {"a": "I want the manager"})
    await run_batch(app, read_requests(source), out, today=TODAY)
    answers.write_text(json.dumps({"custom_id": "a", "question": "Which row?", "answer": "front"}))
    async with Journal.open(out / "journal.sqlite") as journal:
        given, [bad] = await apply(lambda id: journal, answers, app)
    assert given == []
    assert 'no longer asked "Which row?"' in bad.reason


def test_an_age_is_told_in_its_largest_unit() -> None:
    assert [in_words(age) for age in (604_800.0, 86_400.0, 43_200.0, 90.0, 0.5)] == [
        "7 days",
        "1 day",
        "12 hours",
        "90 seconds",
        "0.5 seconds",
    ]
