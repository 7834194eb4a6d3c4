"""What is told of a text while it is decoded stands in it at the end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, tells

from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Decoding, Message
from models.engines.hearing import hearing, speakable
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineUnavailable


@pytest.mark.parametrize("seed", range(20))
def test_what_may_still_be_taken_back_is_not_told(seed: int) -> None:
    draw = random.Random(seed)
    whole = "".join(draw.choice("ab<>t") for _ in range(60))
    stops = ("ab<", "tt")
    end = min([len(whole), *(at for stop in stops if (at := whole.find(stop)) >= 0)])
    for size in range(len(whole) + 1):
        assert whole[:end].startswith(speakable(whole[:size], stops))
    assert speakable("Good\ufffd") == "Good"
    assert speakable("yes <thi", thought="<think>") == "yes "


async def test_a_text_in_this_process_is_told_as_it_grows(random_model: Path) -> None:
    heard: list[str] = []
    engine = await EmbeddedEngine.open(random_model, "models/random")
    asked = [Message("user", "Tell me about trains.")]
    for sampling in (Decoding(1.5, seed=3), Decoding(1.5, seed=3, stop=("e",))):
        heard.clear()
        with hearing(heard.append):
            said = await engine.generate(asked, None, sampling, max_tokens=40)
        assert len(heard) > 1
        assert all(said.text.startswith(one) for one in heard)
        silent = await engine.generate(asked, None, sampling, max_tokens=40)
        assert silent.text == said.text
    await engine.close()


async def test_a_servers_text_is_told_as_it_comes_and_a_server_that_is_lost_is_away() -> None:
    heard: list[str] = []
    script = [tells("Good", " mor", "ning"), tells("Good", " mo", lost=True)]
    with ScriptedServer(script) as server:
        engine = await VllmEngine.open(server.url)
        with hearing(heard.append):
            said = await engine.generate([Message("user", "Hi")], None, Decoding())
            assert heard == ["Good", "Good mor", "Good morning"]
            assert (said.text, said.finish_reason, said.usage.completion_tokens) == ("Good morning", "stop", 3)
            with pytest.raises(EngineUnavailable):
                await engine.generate([Message("user", "Hi")], None, Decoding())
        await engine.close()
