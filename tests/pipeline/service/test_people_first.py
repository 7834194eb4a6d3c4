"""The engine of runs lets people go first, and is not stopped by them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.grammar.grammar import Grammar
from pipeline.service import people_first
from pipeline.service.people_first import PeopleFirst

TINY = Path(__file__).parents[3] / "models" / "tiny"
ASK, SHORT = [Message("user", "a trip to Bali")], Grammar("start: /[a-z]{3}/", 4)


async def test_a_call_of_a_run_begins_when_nobody_is_being_served(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, resting = await EmbeddedEngine.open(TINY, "tiny"), asyncio.Event()
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
