"""OpenAI's `/v1/responses`, by its own client: plain answers, formats, calls, streams; and what is refused, by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai_world import FUNCTION, MODEL, Review, clients, ended, file_of, rows

from pipeline.completions.options import OPTIONS, RESPONSES

WORST: Any = {"model": MODEL, "input": "Tell me about trains.", "temperature": 1.5, "max_output_tokens": 300}
WEATHER: Any = {"type": "function", **FUNCTION}


FORMAT: Any = {"format": {"type": "json_schema", "name": "Review", "schema": Review.model_json_schema()}}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncOpenAI]:
    async with clients(tmp_path_factory.mktemp("served")) as ((client,), _):
        yield client


async def test_an_answer_of_words(client: AsyncOpenAI) -> None:
    told = await client.responses.create(**{**WORST, "max_output_tokens": 5}, instructions="Be short.", store=False)
    assert told.output_text
    assert told.instructions == "Be short."
    assert told.usage is not None
    assert 0 < told.usage.output_tokens <= 5
    assert told.usage.total_tokens == told.usage.input_tokens + told.usage.output_tokens
    assert told.status == ("completed" if told.incomplete_details is None else "incomplete")


async def test_a_pydantic_model_is_parsed_at_the_worst_temperature(client: AsyncOpenAI) -> None:
    for _ in range(3):
        parsed = await client.responses.parse(**WORST, text_format=Review)
        assert isinstance(parsed.output_parsed, Review)
        assert parsed.status == "completed"


async def test_tools_are_called_and_their_results_heard(client: AsyncOpenAI) -> None:
    called = await client.responses.create(**WORST, tools=[WEATHER], tool_choice="required")
    assert called.output
    history: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "And the weather?"}]}]
    for call in called.output:
        assert call.type == "function_call"
        assert len(json.loads(call.arguments)["city"]) <= 12
        history.append(call.model_dump())
    for call in called.output:
        history.append({"type": "function_call_output", "call_id": call.call_id, "output": "rain"})  # type: ignore[union-attr]
    told = await client.responses.create(**{**WORST, "input": history}, tools=[WEATHER], tool_choice="none")
    assert told.output[0].type == "message"
    one = await client.responses.create(**WORST, tools=[WEATHER], tool_choice={"type": "function", "name": "weather"})
    assert [call.type for call in one.output] == ["function_call"]


async def test_a_stream_holds_the_same_answer(client: AsyncOpenAI) -> None:
    for more in ({"text": FORMAT}, {}, {"tools": [WEATHER], "tool_choice": "required"}):
        asked: Any = {**WORST, **more, "temperature": 0, "max_output_tokens": 300 if more else 60}
        whole = await client.responses.create(**asked)
        async with client.responses.stream(**asked) as stream:
            events = [event async for event in stream]
            last = await stream.get_final_response()
        assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
        assert events[0].type == "response.created"
        assert last.output_text == whole.output_text
        assert [item.type for item in last.output] == [item.type for item in whole.output]
        assert last.usage == whole.usage
        deltas = [event.delta for event in events if event.type.endswith(".delta")]  # type: ignore[union-attr]
        arguments = [item.arguments for item in whole.output if item.type == "function_call"]
        assert "".join(deltas) == whole.output_text + "".join(arguments)
        if "text" in more:
            assert Review.model_validate_json(last.output_text)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"extra_body": {"imagined": 1}}, "imagined"),
        ({"temperature": 3}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": 1}}}}, "text.format.schema"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{**WEATHER, "parameters": {"type": 1}}]}, "tools[0].parameters"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content"),
        ({"input": [{"type": "reasoning", "id": "x", "summary": []}]}, "input[0].type"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "input[0].call_id"),
        ({"input": "word " * 9000}, "input"),
        ({"store": True}, "store"),
    ],
)
async def test_what_cannot_be_obeyed_is_400_with_its_name(
    client: AsyncOpenAI, options: dict[str, Any], param: str
) -> None:
    for stream in (False, True):
        with pytest.raises(openai.APIError) as error:
            await exhausted(client, {**WORST, **options, "stream": stream})
        assert error.value.param == param
        if isinstance(error.value, openai.APIStatusError):
            assert error.value.status_code == 400


async def exhausted(client: AsyncOpenAI, options: dict[str, Any]) -> None:
    """Ask, and read a stream to its end."""
    answer = await client.responses.create(**options)
    async for _ in answer:
        pass


async def test_every_option_is_obeyed_or_refused_as_the_table_says(client: AsyncOpenAI) -> None:
    given: dict[str, Any] = {
        "instructions": "Be short.",
        "temperature": 0,
        "top_p": 0.5,
        "max_output_tokens": 3,
        "text": {"format": {"type": "text"}},
        "tools": [WEATHER],
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "none"},
        "user": "u",
        "metadata": {"a": "b"},
        "stream": False,
    }
    base = {"model": MODEL, "input": "a", "max_output_tokens": 2}
    for name, option in OPTIONS[RESPONSES].items():
        if option.refused:
            with pytest.raises(openai.BadRequestError) as error:
                await client.responses.create(**base, extra_body={name: "anything"})
            assert error.value.param == name
        elif name in given:
            also = {"tools": [WEATHER], "max_output_tokens": 300} if name in ("tools", "parallel_tool_calls") else {}
            told = await client.responses.create(**{**base, **also, name: given[name]})
            assert told.output


async def test_a_batch_of_responses(client: AsyncOpenAI) -> None:
    lines = [
        json.dumps({"custom_id": id, "method": "POST", "url": RESPONSES, "body": {**WORST, **more}})
        for id, more in (("a", {"text": FORMAT}), ("b", {"background": True}))
    ]
    file = await client.files.create(file=file_of(*lines), purpose="batch")
    batch = await client.batches.create(input_file_id=file.id, endpoint=RESPONSES, completion_window="24h")
    batch = await ended(client, batch.id)
    (row,) = await rows(client, batch.output_file_id)
    assert Review.model_validate_json(row["response"]["body"]["output"][0]["content"][0]["text"])
    (refused,) = await rows(client, batch.error_file_id)
    assert '"background" is refused' in json.dumps(refused, ensure_ascii=False).replace("\\", "")
