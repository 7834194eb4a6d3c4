"""Answers that are streamed: in pieces where nothing of them can be wrong any more, else whole; never taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai import AsyncOpenAI
from openai_world import MODEL, clients
from pydantic import BaseModel
from scripted_server import ScriptedServer, says, tells


class Note(BaseModel):
    mood: Literal["good", "bad"]
    words: str


ASKED: Any = [{"role": "user", "content": "Tell me about trains."}]
WORST: Any = {"model": MODEL, "messages": ASKED, "temperature": 1.5}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "Note", "schema": Note.model_json_schema()}}


async def pieces(client: AsyncOpenAI, **options: Any) -> tuple[list[str], Any, Any]:
    """The texts of a stream, its last reason, and its usage."""
    stream = await client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True})
    texts, reason, usage = [], None, None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts += [choice.delta.content] if choice.delta.content else []
            reason = choice.finish_reason or reason
    return texts, reason, usage


async def test_a_structured_answer_comes_in_pieces_and_is_valid_at_any_budget(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), _):
        for seed, budget in ((1, {}), (2, {}), (3, {"max_completion_tokens": 30}), (4, {"max_completion_tokens": 40})):
            texts, reason, usage = await pieces(client, **WORST, response_format=FORMAT, seed=seed, **budget)
            assert len(texts) > 2
            assert Note.model_validate_json("".join(texts))
            assert reason == "stop"
            assert 0 < usage.completion_tokens <= budget.get("max_completion_tokens", 10_000)
            assert usage.prompt_tokens > 0


async def test_a_free_text_comes_in_pieces_up_to_its_stop_and_each_choice_has_its_own(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), _):
        asked = {**WORST, "max_completion_tokens": 30, "seed": 3, "n": 2}
        whole = await client.chat.completions.create(**asked)
        stop = (whole.choices[0].message.content or "")[4:6]
        for more in ({}, {"stop": stop}):
            whole = await client.chat.completions.create(**asked, **more)
            stream = await client.chat.completions.create(**asked, **more, stream=True)
            told: dict[int, list[str]] = {0: [], 1: []}
            async for chunk in stream:
                for choice in chunk.choices:
                    told[choice.index] += [choice.delta.content] if choice.delta.content else []
            assert ["".join(told[index]) for index in (0, 1)] == [one.message.content for one in whole.choices]
            assert len(told[1]) > 1
        text = await client.completions.create(model=MODEL, prompt="Once upon", max_tokens=9, echo=True, stream=True)
        parts = [chunk.choices[0].text async for chunk in text]
        assert len(parts) > 2
        assert "".join(parts).startswith("Once upon")


SEVERAL = {"type": "array", "items": {"type": "string", "maxLength": 3}, "uniqueItems": True} | {
    "minItems": 2,
    "maxItems": 3,
}
FORMAT_OF_SEVERAL: Any = {"type": "json_schema", "json_schema": {"name": "Several", "schema": SEVERAL}}


@pytest.mark.parametrize(
    "more", [{"response_format": FORMAT_OF_SEVERAL}, {"logprobs": True, "max_completion_tokens": 5}]
)
async def test_what_is_checked_after_it_was_written_comes_whole(tmp_path: Path, more: dict[str, Any]) -> None:
    async with clients(tmp_path) as ((client,), _):
        texts, _, usage = await pieces(client, **WORST, **more)
        assert len(texts) == 1
        if "response_format" in more:
            found = json.loads(texts[0])
            assert len(set(found)) == len(found) > 1
        assert usage.completion_tokens > 0


async def test_what_was_sent_before_a_server_was_lost_is_gone_on_with_or_ends_in_an_error(tmp_path: Path) -> None:
    script = [
        *(tells("Good mor", lost=True), tells("Go", "od morning", ".")),
        *(tells("Good mor", lost=True), tells("Good ", "evening.")),
        *(tells("Good mor", lost=True), says("Good morning.")),
    ]
    with ScriptedServer(script) as server:
        async with clients(tmp_path, model=server.url, wait=2.0) as ((client,), _):
            asked = {**WORST, "model": "scripted"}
            texts, reason, _ = await pieces(client, **asked)
            assert (texts, reason) == (["Good mor", "ning", "."], "stop")
            with pytest.raises(openai.APIError) as lost:
                await pieces(client, **asked)
            assert (lost.value.code, lost.value.type) == ("engine_lost", "server_error")
            whole = await client.chat.completions.create(**asked, logprobs=True)
            assert "stream" not in server.requests[-1]
            assert whole.choices[0].message.content
