"""OpenAI's client, unchanged, with the engine's name as the model: every option obeyed, or refused by its name."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai_world import FUNCTION, Review
from service_world import HALL, QUICK

from index import Embedder
from models.engines.open_engine import open_engine
from pipeline import Equipment, load_app
from pipeline.service.server import listen, serve
from pipeline.service.service import serving

CLIENTS = "INTERLOCK_CLIENTS"
"""A Python with openai, instructor, langchain-openai and pydantic-ai-slim[openai], which want other versions of openai
than these tests have."""
MODEL, ENCODER = "models/tiny", "all-MiniLM-L6-v2"
ASKED: Any = [{"role": "user", "content": "Tell me about trains."}]
WORST: Any = {"model": MODEL, "messages": ASKED, "temperature": 1.5, "max_completion_tokens": 300}
WEATHER: Any = {"type": "function", "function": FUNCTION}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncOpenAI]:
    out, bound = tmp_path_factory.mktemp("served") / "out", listen("127.0.0.1", 0)
    async with open_engine(MODEL) as engine:
        equipment = Equipment(engine, embedder=Embedder())
        async with serving(load_app(str(HALL)), out, equipment, limits=QUICK) as service:
            listening = asyncio.Event()
            server = asyncio.create_task(serve(service, bound, listening.set))
            await listening.wait()
            url = f"http://localhost:{bound.getsockname()[1]}/v1"
            try:
                async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
                    yield client
            finally:
                service.stopping.set()
                await server


async def test_the_models_behind_the_app_have_names(client: AsyncOpenAI) -> None:
    assert [model.id for model in (await client.models.list()).data] == ["hall", MODEL, ENCODER]
    assert (await client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-5")
    with pytest.raises(openai.NotFoundError):
        await client.completions.create(model="hall", prompt="a")


async def test_a_pydantic_model_is_parsed_at_the_worst_temperature(client: AsyncOpenAI) -> None:
    for seed in range(3):
        parsed = await client.chat.completions.parse(**WORST, seed=seed, response_format=Review)
        (choice,) = parsed.choices
        assert isinstance(choice.message.parsed, Review)
        assert parsed.usage is not None
        assert parsed.usage.completion_tokens > 0
        assert parsed.usage.total_tokens == parsed.usage.prompt_tokens + parsed.usage.completion_tokens


async def test_tools_are_called_and_their_results_heard(client: AsyncOpenAI) -> None:
    called = await client.chat.completions.create(**WORST, tools=[WEATHER], tool_choice="required")
    (choice,) = called.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    for call in choice.message.tool_calls:
        assert call.type == "function"
        assert len(json.loads(call.function.arguments)["city"]) <= 12
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in choice.message.tool_calls]
    history = [*ASKED, choice.message.model_dump(), *results]
    told = await client.chat.completions.create(**{**WORST, "messages": history}, tools=[WEATHER], tool_choice="none")
    assert told.choices[0].message.content is not None


async def test_a_stream_holds_the_same_structured_answer(client: AsyncOpenAI) -> None:
    format: Any = {"type": "json_schema", "json_schema": {"name": "Review", "schema": Review.model_json_schema()}}
    whole = await client.chat.completions.create(**WORST, response_format=format, seed=5)
    stream = await client.chat.completions.create(
        **WORST, response_format=format, seed=5, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert Review.model_validate_json(text)
    assert chunks[-1].usage == whole.usage
    stream = await client.chat.completions.create(**WORST, tools=[WEATHER], tool_choice="required", stream=True)
    deltas = [chunk.choices[0].delta async for chunk in stream if chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert calls
    assert all(call.function is not None and json.loads(call.function.arguments or "") for call in calls)


async def test_plain_texts_and_vectors(client: AsyncOpenAI) -> None:
    text = await client.completions.create(model=MODEL, prompt="Once upon", max_tokens=5)
    assert text.usage is not None
    assert text.usage.completion_tokens <= 5
    vectors = await client.embeddings.create(model=ENCODER, input=["a train", "a boat"])
    assert [len(row.embedding) for row in vectors.data] == [384, 384]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"extra_body": {"imagined": 1}}, "imagined"),
        ({"temperature": 3}, "temperature"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0]",
        ),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 1}}}}, "response"),
        ({"messages": [{"role": "user", "content": "word " * 9000}]}, "messages"),
        ({"logit_bias": {"999999": 1}}, "logit_bias"),
    ],
)
async def test_what_cannot_be_obeyed_is_400_with_its_name(
    client: AsyncOpenAI, options: dict[str, Any], param: str
) -> None:
    for stream in (False, True):
        more = {**WORST, **options, **({"stream": True} if stream else {})}
        with pytest.raises(openai.APIError) as error:
            await exhausted(client, more)
        if isinstance(error.value, openai.APIStatusError):
            assert error.value.status_code == 400
        assert str(error.value.param).startswith(param)
        assert error.value.type == "invalid_request_error"


async def test_a_format_that_outgrows_the_lexer_while_it_is_answered_is_400_with_its_name(client: AsyncOpenAI) -> None:
    grammar = f'start: "{"a" * 300_000}" | "{"b" * 300_000}"'
    with pytest.raises(openai.BadRequestError, match="too complex") as error:
        await client.chat.completions.create(**WORST, extra_body={"structured_outputs": {"grammar": grammar}})
    assert error.value.param == "structured_outputs"


async def exhausted(client: AsyncOpenAI, options: dict[str, Any]) -> None:
    """Ask, and read a stream to its end."""
    answer = await client.chat.completions.create(**options)
    if options.get("stream"):
        async for _ in answer:
            pass


async def test_a_body_that_is_none(client: AsyncOpenAI, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=str(client.base_url)) as plain:
        for route in ("completions", "embeddings"):
            for body in (b"", b"[", b"[1]", b'{"model": 3}'):
                answer = await plain.post(route, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code in (400, 404, 422), answer.text
                assert answer.json()["error"]["message"]


@pytest.mark.skipif(CLIENTS not in os.environ, reason=f"{CLIENTS} names no Python that has the clients")
async def test_other_peoples_clients_get_valid_answers_unchanged(client: AsyncOpenAI) -> None:
    process = await asyncio.create_subprocess_exec(
        os.environ[CLIENTS],
        str(Path(__file__).with_name("other_clients.py")),
        str(client.base_url),
        MODEL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert len(told.decode().splitlines()) >= 7
