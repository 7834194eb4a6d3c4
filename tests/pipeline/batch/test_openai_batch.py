"""Every option of a line in OpenAI's batch form is obeyed, or the line refused by its name."""

from __future__ import annotations

import base64
import json
import re
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai_lines import ASKED, CHAT, answers, line

from index import Embedder
from models.engines.open_engine import open_engine
from models.engines.prompted.prompted import Prompted
from pipeline import BadRecord, Equipment, load_app
from pipeline.completions.options import OPTIONS, RESPONSES, table

ROOT = Path(__file__).parents[3]
TEXT, EMBEDDINGS = "/v1/completions", "/v1/embeddings"
REVIEW = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["name", "stars"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "Review", "schema": REVIEW, "strict": True}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/City"}, "days": {"enum": [1, 3]}},
            "required": ["city", "days"],
            "additionalProperties": False,
            "$defs": {"City": {"type": "string", "maxLength": 12}},
        },
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
WORST = {"temperature": 1.5, "max_completion_tokens": 300}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def equipment() -> AsyncIterator[Equipment]:
    async with open_engine("models/tiny") as engine:
        yield Equipment(engine, embedder=Embedder())


pytestmark = pytest.mark.asyncio(loop_scope="module")


def content(body: dict[str, Any]) -> str:
    """What the one choice says; the whole is what OpenAI's client takes."""
    (choice,) = ChatCompletion.model_validate(body, strict=True).choices
    assert choice.message.content is not None
    return choice.message.content


async def test_formats_hold_at_the_worst_temperature(equipment: Equipment, tmp_path: Path) -> None:
    lines = [
        *(line(f"schema{seed}", response_format=FORMAT, seed=seed, **WORST) for seed in range(4)),
        line("object", response_format={"type": "json_object"}, **WORST),
        line("beside", response_format={"type": "json_object", "schema": REVIEW}, **WORST),
        line("json", structured_outputs={"json": REVIEW}, **WORST),
        line("regex", structured_outputs={"regex": "[a-z]{3}/[0-9]{2}"}, **WORST),
        line("choice", structured_outputs={"choice": ["yes", 'a "no"']}, **WORST),
        line("grammar", structured_outputs={"grammar": 'start: "a" NUMBER\nNUMBER: /[0-9]{2}/'}, **WORST),
        line("short", response_format=FORMAT, temperature=1.5, max_tokens=40),
    ]
    output, errors = await answers(tmp_path, equipment, *lines)
    assert not errors
    for id in ("schema0", "schema1", "schema2", "schema3", "beside", "json", "short"):
        review = json.loads(content(output[id]))
        assert set(review) == {"name", "stars"}
        assert review["stars"] in range(1, 6)
    assert len({content(output[f"schema{seed}"]) for seed in range(4)}) > 1
    assert isinstance(json.loads(content(output["object"])), dict)
    assert re.fullmatch("[a-z]{3}/[0-9]{2}", content(output["regex"]))
    assert content(output["choice"]) in ("yes", 'a "no"')
    assert re.fullmatch("a[0-9]{2}", content(output["grammar"]))
    assert output["short"]["usage"]["completion_tokens"] <= 40


async def test_tools_are_called_as_tool_choice_says(equipment: Equipment, tmp_path: Path) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    history = [*ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    history += [{"role": "tool", "tool_call_id": "call_1", "content": "noon"}]
    lines = [
        *(line(f"auto{seed}", tools=[WEATHER, NOW], seed=seed, **WORST) for seed in range(4)),
        line("required", tools=[WEATHER, NOW], tool_choice="required", parallel_tool_calls=False, **WORST),
        line("named", tools=[WEATHER, NOW], tool_choice=named, **WORST),
        line("none", tools=[WEATHER], tool_choice="none", temperature=1.5, max_tokens=4),
        line("both", tools=[NOW], response_format=FORMAT, messages=history, **WORST),
    ]
    output, errors = await answers(tmp_path, equipment, *lines)
    assert not errors
    kinds = set()
    for id, body in output.items():
        (choice,) = ChatCompletion.model_validate(body, strict=True).choices
        calls = choice.message.tool_calls or []
        kinds.add(bool(calls))
        assert (choice.finish_reason == "tool_calls") == bool(calls)
        for call in calls:
            assert call.type == "function"
            arguments = json.loads(call.function.arguments)
            if call.function.name == "weather":
                assert len(arguments["city"]) <= 12
                assert arguments["days"] in (1, 3)
            else:
                assert (call.function.name, arguments) == ("now", {})
        assert len({call.id for call in calls}) == len(calls)
        if id in ("required", "named"):
            assert calls
        if id in ("required", "named"):
            assert len(calls) == 1
        if id == "named":
            assert {call.function.name for call in calls if call.type == "function"} == {"weather"}
        if id == "none":
            assert not calls
        if id == "both" and not calls:
            assert set(json.loads(choice.message.content or "")) == {"name", "stars"}
    assert kinds == {True, False}


async def test_how_a_text_is_drawn_is_obeyed(equipment: Equipment, tmp_path: Path) -> None:
    draw = {"temperature": 1.5, "max_tokens": 12}
    lines = [
        line("n", n=3, **draw),
        line("seed0", seed=0, **draw),
        line("seed1", seed=1, **draw),
        line("greedy1", temperature=0, max_tokens=12, seed=1),
        line("greedy2", temperature=0, max_tokens=12, seed=2),
        line("top_k", top_k=1, seed=3, **draw),
        line("min_p", min_p=1, seed=3, **draw),
        line("top_p", top_p=0.000001, seed=3, **draw),
        line("scores", logprobs=True, top_logprobs=3, **draw),
        line("presence", temperature=0, max_tokens=12, presence_penalty=2, frequency_penalty=2),
    ]
    output, errors = await answers(tmp_path, equipment, *lines)
    assert not errors
    several = ChatCompletion.model_validate(output["n"], strict=True)
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    first, second, *_ = (choice.message.content for choice in several.choices)
    assert (first, second) == (content(output["seed0"]), content(output["seed1"]))
    assert first != second
    assert several.usage is not None
    both = sum(output[id]["usage"]["completion_tokens"] for id in ("seed0", "seed1"))
    assert both < several.usage.completion_tokens <= 36
    greedy = content(output["greedy1"])
    assert all(content(output[id]) == greedy for id in ("greedy2", "top_k", "min_p", "top_p"))
    assert content(output["presence"]) != greedy
    (choice,) = ChatCompletion.model_validate(output["scores"], strict=True).choices
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(token.token for token in choice.logprobs.content) == content(output["scores"])
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in choice.logprobs.content)


async def test_stops_and_biases_are_obeyed(equipment: Equipment, tmp_path: Path) -> None:
    lines = [line("plain", temperature=0, max_tokens=20, logprobs=True)]
    output, _ = await answers(tmp_path, equipment, *lines)
    text = content(output["plain"])
    middle = text[len(text) // 2]
    token = equipment.engine._model.hf_tokenizer(text)["input_ids"][0]  # type: ignore[union-attr]
    (tmp_path / "again").mkdir()
    lines = [
        line("stop", temperature=0, max_tokens=20, stop=["never said", middle]),
        line("one", temperature=0, max_tokens=20, stop=middle),
        line("bias", temperature=0, max_tokens=20, logit_bias={str(token): -100}),
        line("none", temperature=0, max_tokens=20, logit_bias={"4095": 1, "999999": 1}),
    ]
    output, errors = await answers(tmp_path / "again", equipment, *lines)
    assert errors.keys() == {"none"}
    assert errors["none"].startswith('"logit_bias" cannot be obeyed')
    assert "4,096 tokens, and 999999 is none" in errors["none"]
    for id in ("stop", "one"):
        assert content(output[id]) == text[: text.index(middle)]
        assert output[id]["choices"][0]["finish_reason"] == "stop"
    assert content(output["bias"])[0] != text[0]


async def test_plain_texts_and_vectors(equipment: Equipment, tmp_path: Path) -> None:
    encoder = "all-MiniLM-L6-v2"
    lines = [
        line("text", TEXT, prompt="Once upon", temperature=0),
        line("echo", TEXT, prompt=["Once upon"], temperature=0, echo=True),
        line("scores", TEXT, prompt="Once upon", logprobs=2, max_tokens=3),
        line("one", EMBEDDINGS, input="a train", model=encoder),
        line("two", EMBEDDINGS, input=["a train", "a boat"], model=encoder, encoding_format="base64", dimensions=384),
        line("size", EMBEDDINGS, input="a", model=encoder, dimensions=7),
        line("long", EMBEDDINGS, input=["a", "word " * 600], model=encoder),
    ]
    output, errors = await answers(tmp_path, equipment, *lines)
    text = Completion.model_validate(output["text"], strict=True).choices[0]
    assert (text.finish_reason, output["text"]["usage"]["completion_tokens"]) == ("length", 16)
    assert output["echo"]["choices"][0]["text"] == "Once upon" + text.text
    scores = Completion.model_validate(output["scores"], strict=True).choices[0]
    assert scores.logprobs is not None
    assert scores.logprobs.tokens is not None
    assert "".join(scores.logprobs.tokens) == scores.text
    (one,) = CreateEmbeddingResponse.model_validate(output["one"], strict=True).data
    assert sum(number * number for number in one.embedding) == pytest.approx(1, abs=1e-3)
    packed = array("f", base64.b64decode(output["two"]["data"][0]["embedding"]))
    assert list(packed) == pytest.approx(one.embedding, abs=1e-5)
    assert output["one"]["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert set(errors) == {"size", "long"}
    assert '"input[1]" has 602 tokens' in errors["long"]
    assert '"dimensions" is 7' in errors["size"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"imagined": 1}, '"imagined"'),
    ({"stream": True}, '"stream"'),
    ({"messages": []}, '"messages"'),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "image_url"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "input_audio"),
    ({"messages": [{"role": "user", "content": "a", "name": "Ann"}]}, '"messages[0].name"'),
    ({"messages": [{"role": "tool", "content": "a", "tool_call_id": "x"}]}, '"messages[0].tool_call_id"'),
    ({"messages": [{"role": "judge", "content": "a"}]}, '"messages[0].role"'),
    ({"temperature": 3}, '"temperature"'),
    ({"temperature": "hot"}, '"temperature"'),
    ({"temperature": True}, '"temperature"'),
    ({"top_p": 0}, '"top_p"'),
    ({"n": 0}, '"n"'),
    ({"max_tokens": 0}, '"max_tokens"'),
    ({"max_tokens": 3, "max_completion_tokens": 4}, "differ"),
    ({"top_logprobs": 3}, '"top_logprobs"'),
    ({"logprobs": 3}, '"logprobs"'),
    ({"stop": [""]}, '"stop"'),
    ({"stop": "a", "response_format": FORMAT}, '"stop"'),
    ({"logit_bias": {"a": 1}}, '"logit_bias"'),
    ({"logit_bias": {"5": 101}}, '"logit_bias"'),
    ({"seed": 1.5}, '"seed"'),
    ({"response_format": "json"}, '"response_format"'),
    ({"response_format": {"type": "xml"}}, '"response_format"'),
    ({"response_format": {"type": "json_object", "strictly": 1}}, '"response_format.strictly"'),
    ({"response_format": {"type": "text", "schema": {}}}, '"response_format.schema"'),
    ({"response_format": {**FORMAT, "json_schema": {"schema": {}, "more": 1}}}, '"response_format.json_schema.more"'),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "R"}}}, '"response_format.json_schema"'),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "odd"}}}}, "$.type"),
    ({"response_format": FORMAT, "structured_outputs": {"regex": "a"}}, "both"),
    ({"structured_outputs": {"regex": "("}}, '"structured_outputs.regex"'),
    ({"structured_outputs": {"grammar": "no grammar"}}, '"structured_outputs.grammar"'),
    ({"structured_outputs": {"choice": []}}, '"structured_outputs.choice"'),
    ({"structured_outputs": {"structural_tag": "x"}}, '"structured_outputs.structural_tag"'),
    ({"structured_outputs": {"json": "{"}}, '"structured_outputs.json"'),
    ({"structured_outputs": {}}, '"structured_outputs"'),
    ({"tools": [{"type": "web_search"}]}, '"tools[0]"'),
    ({"tools": [NOW, NOW]}, "two functions"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": 1}}}]}, "parameters"),
    ({"tool_choice": "required"}, '"tool_choice"'),
    ({"tools": [NOW], "tool_choice": {"type": "function", "function": {"name": "then"}}}, '"tool_choice"'),
    ({"tools": [NOW], "structured_outputs": {"regex": "a"}}, '"structured_outputs"'),
    ({"parallel_tool_calls": False}, '"parallel_tool_calls"'),
    ({"reasoning_effort": "utmost"}, '"reasoning_effort"'),
    ({"metadata": "a"}, '"metadata"'),
    ({"user": 1}, '"user"'),
    ({"model": ""}, '"model"'),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "surrogate"),
]


@pytest.mark.parametrize(("more", "named"), REFUSED)
async def test_what_cannot_be_obeyed_is_refused_by_name(more: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRecord) as refused:
        load_app("pipeline.workflows.completions").read(line("x", **more))
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("route", OPTIONS)
async def test_every_option_that_the_table_refuses_is_refused(route: str) -> None:
    read = load_app("pipeline.workflows.completions").read
    need = {CHAT: {"messages": ASKED}, TEXT: {"prompt": "a"}, EMBEDDINGS: {"input": "a"}, RESPONSES: {"input": "a"}}[
        route
    ]
    assert read(line("x", route, **need)).id == "x"
    for name, option in OPTIONS[route].items():
        asked = line("x", route, **{**need, name: "anything"})
        if option.refused:
            with pytest.raises(BadRecord, match=f'"{name}" is refused'):
                read(asked)
        assert read(line("x", route, **need, **({name: None} if name not in {*need, "model"} else {}))).id == "x"


async def test_models_that_do_not_serve_and_efforts_without_thought_fail_by_name(
    equipment: Equipment, tmp_path: Path
) -> None:
    lines = [
        line("other", model="gpt-5"),
        line("thought", reasoning_effort="high"),
        line("none", reasoning_effort="none", max_tokens=3),
        line("long", messages=[{"role": "user", "content": "word " * 9000}]),
        line("room", max_completion_tokens=10**7),
        "no object",
        line("none"),
    ]
    output, errors = await answers(tmp_path, equipment, *lines)
    assert set(output) == {"none"}
    assert errors["room"].startswith('"max_completion_tokens" is 10,000,000, but models/tiny holds 2,048 tokens')
    assert '"model" is gpt-5' in errors["other"]
    assert '"reasoning_effort"' in errors["thought"]
    assert errors["long"].startswith('"messages" is too long: ')
    (tmp_path / "any").mkdir()
    output, errors = await answers(
        tmp_path / "any", equipment, line("other", model="gpt-5", max_tokens=3), any_model=True
    )
    assert output["other"]["model"] == "gpt-5"


async def test_the_docs_have_the_table() -> None:
    text = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    assert "\n".join(table()) in text, "\n".join(table())


async def test_an_engine_that_is_asked_in_words_refuses_what_it_cannot_obey(
    equipment: Equipment, tmp_path: Path
) -> None:
    assert equipment.engine is not None
    words = Equipment(Prompted(equipment.engine))
    lines = [
        line("scores", response_format=FORMAT, logprobs=True),
        line("limit", response_format=FORMAT, max_tokens=50),
        line("free", max_tokens=3),
    ]
    output, errors = await answers(tmp_path, words, *lines, any_model=True)
    assert set(output) == {"free"}
    assert '"logprobs" cannot be obeyed' in errors["scores"]
    assert '"max_tokens" cannot be obeyed' in errors["limit"]
