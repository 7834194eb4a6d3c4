"""The engine of runs lets people go first, and is not stopped by them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from service_world import QUICK, begin, hall, say

from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar
from pipeline.service import people_first
from pipeline.service.people_first import PeopleFirst

TINY = Path(__file__).parents[3] / "models" / "tiny"
WHOSE = '''
from interlock import App, Run, workflow
from models.background import background

@workflow(intent="whose", examples=["whose?"])
async def whose(run: Run) -> str:
    """Say whose work it is."""
    work = background()
    return str(work and work.part)

app = App("Whose", workflows=[whose])
'''
ASK, SHORT = [Message("user", "a trip to Bali")], Grammar("start: /[a-z]{3}/", 4)


class Elsewhere(Wrapper):
    """As a server's: people go first here, or nowhere."""

    stands_back = False


async def test_a_call_of_a_run_begins_when_nobody_is_being_served(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, resting = Elsewhere(await EmbeddedEngine.open(TINY, "tiny")), asyncio.Event()
    engine = PeopleFirst(inner, resting)
    try:
        call = asyncio.create_task(engine.generate(ASK, SHORT, Sampling()))
        person = await inner.generate(ASK, SHORT, Sampling())
        await asyncio.sleep(0.1)
        assert not call.done()
        resting.set()
        assert (await call).text == person.text
        resting.clear()
        monkeypatch.setattr(people_first, "PATIENCE", 0.05)
        assert (await engine.generate(ASK, SHORT, Sampling())).text == person.text  # they may go on talking for ever
    finally:
        await engine.close()


async def test_the_records_of_a_run_are_of_the_background_and_messages_are_of_people(tmp_path: Path) -> None:
    app = tmp_path / "whose.py"
    app.write_text(WHOSE, encoding="utf-8")
    async with hall(tmp_path, replace(QUICK, run_share=0.25), app=app) as (client, _):
        told = await say(client, await begin(client), "whose?")
        assert told["conversation"]["turns"][-1]["text"] == "None"
        id = (await client.post("/runs", content=json.dumps({"custom_id": "a", "text": "whose?"}))).json()["id"]
        while (await client.get(f"/runs/{id}")).json()["state"] != "finished":
            await asyncio.sleep(0.02)
        assert (await client.get(f"/runs/{id}/results")).json()["message"] == "0.25"
