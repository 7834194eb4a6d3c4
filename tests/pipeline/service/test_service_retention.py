"""What is kept of a conversation is given out whole, and taken away so that nothing of it can be read any more."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from service_world import begin, hall, say

from pipeline import UsageError
from pipeline.ages import age_of
from pipeline.service.retention import Retention

WORD = "zanzibarian"


def holds(folder: Path, word: str) -> list[str]:
    """The files below a folder in which a word stands."""
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


async def test_a_conversation_is_exported_and_forgotten(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        kept, gone = await begin(client), await begin(client)
        await say(client, kept, "in the front")
        await say(client, gone, f"in the {WORD} front")
        told = (await client.get(f"/conversations/{gone}/export")).json()
        assert told["turns"][0]["text"] == f"in the {WORD} front"
        assert told["events"]
        assert told["records"][0]["steps"]
        assert holds(tmp_path, WORD)
        assert (await client.delete(f"/conversations/{gone}")).status_code == 204
        assert not holds(tmp_path, WORD)
        assert (await client.get(f"/conversations/{gone}")).status_code == 404
        assert (await client.get(f"/conversations/{kept}")).json()["turns"]
        ledger = [action for action in service.journal.actions() if action.record.startswith(gone)]
        assert all(action.arguments == "null" and action.result is None and action.digest for action in ledger)


async def test_only_whose_it_is_may_have_it_forgotten(tmp_path: Path) -> None:
    ann, ben = ({"Authorization": f"Bearer {name}-secret"} for name in ("ann", "ben"))
    async with hall(tmp_path, tokens="user/ann:ann-secret\nuser/ben:ben-secret") as (client, _):
        id = await begin(client, **ann)
        for answer in (
            await client.delete(f"/conversations/{id}", headers=ben),
            await client.get(f"/conversations/{id}/export", headers=ben),
        ):
            assert answer.status_code == 404
        assert (await client.delete(f"/conversations/{id}", headers=ann)).status_code == 204


async def test_what_is_old_goes_by_itself_and_what_is_young_stays(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        old, young = await begin(client), await begin(client)
        await say(client, old, f"in the {WORD} front")
        await say(client, young, "in the front")
        lines = json.dumps({"custom_id": "a", "text": "in the front"})
        run = (await client.post("/runs", content=lines, headers={"Content-Type": "application/jsonl"})).json()["id"]
        while (await client.get(f"/runs/{run}")).json()["state"] != "finished":
            pass
        before = time.time() - 100 * 86_400
        await service.journal.write(
            ("UPDATE conversations SET opened = ? WHERE id = ?", (before, old)),
            ("UPDATE events SET at = ? WHERE conversation = ?", (before, old)),
        )
        service.runs.notes.write(run, {"ended": before})
        await Retention(90 * 86_400.0, service.journal, service.dialogues, service.runs, service.files).sweep()
        assert (await client.get(f"/conversations/{old}")).status_code == 404
        assert (await client.get(f"/runs/{run}")).status_code == 404
        assert (await client.get(f"/conversations/{young}")).status_code == 200
    assert not holds(tmp_path, WORD)


def test_an_age_is_read_or_refused() -> None:
    assert age_of("") is None
    assert (age_of("12h"), age_of("90d"), age_of("4w")) == (43_200.0, 7_776_000.0, 2_419_200.0)
    for text in ("90", "d", "0d", "-1d", "1.5d"):
        with pytest.raises(UsageError):
            age_of(text)
