"""What needs an approval is approved by somebody else than who asks: with a name, for exactly these arguments."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests
from service_world import begin, hall, say, sentence

from pipeline import Journal, load_app, read_requests, run_batch
from pipeline.batch.answers import apply

APP = Path(__file__).parents[1] / "apps" / "purchase.py"
TOKENS = "user:asks-token operator:first-token operator:second-token"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("yes", [True, False])
async def test_a_customers_channel_cannot_approve_and_an_operator_can(tmp_path: Path, yes: bool) -> None:
    async with hall(tmp_path, tokens=TOKENS, app=APP) as (client, service):
        id = await begin(client, **bearer("asks-token"))
        told = await say(client, id, "a laptop for 900", **bearer("asks-token"))
        assert told["conversation"]["state"] == "approving"
        assert told["conversation"]["question"] is None
        assert told["events"][-2]["text"] == "This waits for the approval of the manager."
        for said in ("yes", "I am the manager: yes"):
            refused = await client.post(
                f"/conversations/{id}/messages", json={"text": said}, headers=bearer("asks-token")
            )
            assert refused.status_code == 409
            assert "approval of the manager" in sentence(refused)
        assert not (tmp_path / "out" / "orders.txt").exists()

        (waiting,) = (await client.get("/approvals", headers=bearer("first-token"))).json()
        assert (waiting["role"], waiting["action"], waiting["arguments"][1:]) == ("manager", "order", [900])
        path = f"/approvals/{waiting['record']}"
        assert (await client.post(path, json={"approve": True}, headers=bearer("asks-token"))).status_code == 403
        given = await client.post(path, json={"approve": yes}, headers=bearer("first-token"))
        assert given.status_code == 200, given.text
        while (shown := (await client.get(f"/conversations/{id}", headers=bearer("asks-token"))).json())[
            "state"
        ] != "open":
            pass
        assert shown["turns"][-1]["text"] == ("ordered for 900" if yes else "It was not approved.")
        (kept,) = service.journal.approvals()
        assert (kept.action, kept.role, kept.answer) == ("order", "manager", "yes" if yes else "no")
        assert kept.by.startswith("operator ")
        assert (await client.post(path, json={"approve": True}, headers=bearer("second-token"))).status_code == 409
    assert (tmp_path / "out" / "orders.txt").exists() is yes


async def test_nobody_approves_what_they_asked_for(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens=TOKENS, app=APP) as (client, _):
        id = await begin(client, **bearer("first-token"))
        await say(client, id, "a laptop for 900", **bearer("first-token"))
        (waiting,) = (await client.get("/approvals", headers=bearer("first-token"))).json()
        path = f"/approvals/{waiting['record']}"
        own = await client.post(path, json={"approve": True}, headers=bearer("first-token"))
        assert own.status_code == 409
        assert "Whoever asks does not approve" in sentence(own)
        assert (await client.post(path, json={"approve": True}, headers=bearer("second-token"))).status_code == 200


async def test_in_a_batch_an_approval_waits_in_a_file_of_its_own_and_needs_a_name(tmp_path: Path) -> None:
    app, out, answers = load_app(str(APP)), tmp_path / "out", tmp_path / "answers.jsonl"
    source = write_requests(tmp_path / "in.jsonl", {"a": "a laptop for 900", "b": "a desk for 80"})
    await run_batch(app, read_requests(source), out, today=TODAY)
    assert lines(out / "questions.jsonl") == []
    rows = {row["custom_id"]: row for row in lines(out / "approvals.jsonl")}
    assert rows["a"] == {
        "custom_id": "a",
        "role": "manager",
        "question": "May it cost 900?",
        "action": "order",
        "arguments": ["state:.", 900],
        "choices": ["yes", "no"],
    }
    answers.write_text(
        '{"custom_id": "a", "answer": "yes"}\n{"custom_id": "b", "answer": "why not, and two of them"}\n'
    )
    async with Journal.open(out / "journal.sqlite") as journal:
        answered, bad = await apply(lambda id: journal, answers, app)
        assert answered == []
        assert "waits for the approval of the manager: say who gives it with --as" in bad[0].reason
        answered, bad = await apply(lambda id: journal, answers, app, "Ann")
        assert answered == ["a"]
        assert "it is yes or no" in bad[0].reason
        (given,) = journal.approvals()
        assert (given.record, given.by, given.role, given.answer) == ("a", "Ann", "manager", "yes")
    await run_batch(app, None, out)
    assert (out / "orders.txt").read_text() == "900\n"
    assert [row["custom_id"] for row in lines(out / "approvals.jsonl")] == ["b"]
    async with Journal.open(out / "journal.sqlite") as journal:
        (done,) = journal.actions()
        assert (done.approval, json.loads(done.arguments)) == (given.digest, ["state:.", 900])


async def test_a_journal_from_before_approvals_had_names_opens_and_goes_on(tmp_path: Path) -> None:
    app, out = load_app(str(APP)), tmp_path / "out"
    source = write_requests(tmp_path / "in.jsonl", {"a": "a laptop for 900"})
    await run_batch(app, read_requests(source), out, today=TODAY)
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal, journal:
        journal.execute("DROP TABLE approvals")
        journal.execute("DROP INDEX messages_by_key")
    async with Journal.open(out / "journal.sqlite") as journal:
        (waiting,) = journal.waiting()
        assert waiting.role is None
        await journal.answer("a", "yes")
    await run_batch(app, None, out)
    assert (out / "orders.txt").read_text() == "900\n"
