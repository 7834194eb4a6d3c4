"""A server that has the scheduler ends its answers within any budget, with jump-forward and without it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio
from drafted import counted
from llguidance import LLMatcher
from pydantic import BaseModel, Field
from soak import repeats

from models.bench.proof.specimens import random_specimen
from models.bench.proof.verdict import judge
from models.contract import Contract
from models.engines.canary import prove
from models.engines.closing import shortest, tokens_of
from models.engines.engine import Message, Sampling
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.jump_forward import closing_flags
from models.engines.vllm.server import VllmServer
from models.errors import BudgetTooSmall
from models.grammar.grammar import compile_grammar
from models.grammar.matchers import BYTES

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.asyncio(loop_scope="session"),
]
ASKED = [Message("user", "Write.")]
CONTRACTS = repeats(6, 60)


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Notes(Contract):
    title: str = Field(max_length=200)
    lines: list[str]
    flag: bool


class Small(Contract):
    title: str = Field(max_length=20)
    kind: Literal["note", "letter", "something else altogether"]
    pages: list[int] = Field(max_length=3)


STEEP = Contract.from_json_schema(
    {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string"}},
            "more": {
                "anyOf": [
                    {"type": "null"},
                    {
                        "type": "object",
                        "properties": {f"a_long_name_{n}": {"type": "integer"} for n in range(12)},
                        "required": [f"a_long_name_{n}" for n in range(12)],
                    },
                ]
            },
        },
        "required": ["words", "more"],
    },
    name="Steep",
)
"""One token, `{`, and the ending takes a hundred more."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closing_server(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmServer]:
    log = tmp_path_factory.mktemp("vllm") / "closing.log"
    # In bfloat16 vLLM sometimes draws token 0, which no grammar admits, on a processor with AMX.
    flags = (*closing_flags(), "--dtype", "float32")
    async with VllmServer.start(str(random_model), log=log, flags=flags) as server:
        yield server


@pytest.fixture(scope="module", params=["closing_server", "jump_server"])
def url(request: pytest.FixtureRequest) -> str:
    server: VllmServer = request.getfixturevalue(request.param)
    return server.url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(url: str) -> AsyncIterator[VllmEngine]:
    engine = await VllmEngine.open(url)
    assert (await prove(engine)).passed
    assert engine.closes
    yield engine
    await engine.close()


async def test_a_grammar_that_fails_in_the_engine_alone_is_refused_alone(url: str) -> None:
    broken, sound = ({"structured_outputs": {"grammar": lark}} for lark in ("start: <|no_such_token|>", 'start: "ab"'))
    async with httpx.AsyncClient(base_url=f"{url}/v1", timeout=60) as client:
        model = (await client.get("/models")).json()["data"][0]["id"]
        asked = {"model": model, "prompt": "a", "max_tokens": 8}
        calls = [client.post("/completions", json=asked | more) for more in (broken, sound, broken, sound)]
        answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [500, 200, 500, 200]
    assert {answer.json()["choices"][0]["text"] for answer in answers[1::2]} == {"ab"}


async def test_every_text_ends_whole_and_valid_within_every_budget(engine: VllmEngine, random_model: Path) -> None:
    random, tokenizer = Random(5), load_tokenizer(str(random_model))
    closed = answers = 0
    for number in range(CONTRACTS):
        contract = [STEEP, Contract.of(Tree), Notes][number] if number < 3 else None
        specimen = random_specimen(random, 4)
        said, evidence = (specimen.said, specimen.evidence) if contract is None else ((), ())
        contract = contract or specimen.contract
        grammar = compile_grammar(contract, said, evidence)
        least = len(tokens_of(tokenizer, shortest(grammar.opened().lark))) + 1
        budgets = [least, least + 1, least + 3, *(least + random.randint(4, 80) for _ in range(5))]
        written = await asyncio.gather(
            *(engine.generate(ASKED, grammar, Sampling(1.5, seed=seed), budget) for seed, budget in enumerate(budgets))
        )
        for completion, budget in zip(written, budgets, strict=True):
            assert completion.finish_reason == "stop"
            assert completion.usage.completion_tokens <= budget
            assert judge(contract, completion.text)[0] in ("valid", "refused_after"), completion.text
            closed, answers = closed + bool(completion.closed), answers + 1
        if least > 1:
            with pytest.raises(BudgetTooSmall, match=f"may take {least - 1} tokens, and the shortest takes {least}"):
                await engine.generate(ASKED, grammar, Sampling(), least - 1)
    assert 0 < closed < answers


async def test_what_is_closed_names_its_field_and_nothing_is_closed_where_there_is_room(engine: VllmEngine) -> None:
    grammar = compile_grammar(Notes)
    named = set[str]()
    for seed in range(12):
        short = await engine.generate(ASKED, grammar, Sampling(1.5, seed=seed), 40)
        Notes.model_validate_json(short.text)
        named.add(short.closed)
    named.discard("")  # a model of random weights may come to an end by itself
    assert named
    assert all(name.startswith(("title", "lines")) for name in named)
    small = compile_grammar(Small)
    for seed in range(8):
        done = await engine.generate(ASKED, small, Sampling(1.5, seed=seed), small.max_tokens)
        assert done.closed == ""
        assert done.text == (await engine.generate(ASKED, small, Sampling(1.5, seed=seed))).text


async def test_closing_disturbs_none_of_its_batch(engine: VllmEngine) -> None:
    notes, alone = compile_grammar(Notes), []
    for seed in range(8):
        alone.append((await engine.generate(ASKED, None, Sampling(seed=seed), 60)).text)
    free = [engine.generate(ASKED, None, Sampling(seed=seed), 60) for seed in range(8)]
    short = [engine.generate(ASKED, notes, Sampling(1.5, seed=seed), 26 + seed) for seed in range(8)]
    together = await asyncio.gather(*free, *short)
    assert [done.text for done in together[:8]] == alone
    assert any(done.closed for done in together[8:])
    for done in together[8:]:
        Notes.model_validate_json(done.text)


TOKEN = "start: <[5]> /[a-z]+/"
HOSTILE = {
    "a token by its number": TOKEN,
    "a schema over several lines": 'start: "k" x\nx: %json {"type": "string",\n "pattern": "zqww[0-9]{8}x"}\n',
    "a schema that is no object": 'start: "k" x y\nx: %json {"type": "string", "pattern": "z[0-9]{8}x"}\ny: %json true',
    "what looks like JSON": r'start: "[{}\"k\",\"" /[a-z]+/ "\"]"',
    "a name that is half a pair": r'start: "{\"\\ud800\":\"" /[a-z]+/ "\"}"',
}


async def post(url: str, **body: Any) -> httpx.Response:
    """What a server answers to a client that is not ours."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        model = (await client.get("/v1/models")).json()["data"][0]["id"]
        asked = {"model": model, "prompt": "Write.", "vllm_xargs": {"interlock_closing": 1}}
        return await client.post("/v1/completions", json=asked | body)


@pytest.mark.parametrize("lark", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_grammar_holds_the_server_goes_on(url: str, lark: str) -> None:
    answer = await post(url, structured_outputs={"grammar": lark}, max_tokens=20, temperature=1, seed=3)
    (choice,) = answer.json()["choices"]
    if lark == TOKEN:  # whose texts are no bytes: no ending is known
        assert (choice["finish_reason"], choice["stop_reason"][:10]) == ("length", "too short:")
    else:
        assert (choice["finish_reason"], choice["stop_reason"][:4]) == ("stop", "clos")
        assert LLMatcher(BYTES, LLMatcher.grammar_from_lark(lark)).validate_tokens([*choice["text"].encode()])
    assert (await post(url, max_tokens=3)).status_code == 200


async def test_a_server_goes_on_where_a_step_without_drafts_draws_from_the_likeliest(url: str) -> None:
    """With log-probabilities drafts are checked, whoever made them, and here there are none to check."""
    for _ in range(2):
        assert (await post(url, temperature=0.7, top_k=5, max_tokens=4, logprobs=1)).status_code == 200


async def test_a_request_that_forbids_its_own_ending_ends(url: str) -> None:
    asked = {"structured_outputs": {"grammar": 'start: "[" /[a-z]+/ "]"'}, "max_tokens": 8, "bad_words": ["]"]}
    answer = await post(url, **asked, temperature=0)
    (choice,) = answer.json()["choices"] if answer.status_code == 200 else [{"finish_reason": "error"}]
    # What is forced is not checked on a CPU: the bracket comes in spite of all.
    assert choice["finish_reason"] != "stop" or re.fullmatch(r"\[[a-z]+]", choice["text"])
    assert (await post(url, max_tokens=3)).status_code == 200


async def test_a_prompt_is_scored_where_the_first_token_is_taken_back(url: str) -> None:
    long = " ".join(f'"a_long_name_{number}"' for number in range(30))
    grammar = {"grammar": f'start: "Q" x | "ab"\nx: {long}'}
    asked = {"structured_outputs": grammar, "max_tokens": 12, "prompt_logprobs": 1, "temperature": 2, "seed": 1}
    choices = (await post(url, **asked, n=12)).json()["choices"]
    assert {(choice["text"], choice["finish_reason"]) for choice in choices} == {("ab", "stop")}
    assert {choice["stop_reason"] for choice in choices} == {"closing", "closed: $"}  # what began with the long one is
    assert all(len(choice["prompt_logprobs"]) > 1 and all(choice["prompt_logprobs"][1:]) for choice in choices)


async def test_none_waits_for_the_ending_of_another(url: str) -> None:
    many = [
        {"type": "array", "items": {"type": "integer", "minimum": 1_000_000}, "minItems": least}
        for least in range(140, 148)  # seconds in all
    ]
    slow = [
        asyncio.create_task(
            post(url, structured_outputs={"grammar": f"start: x\nx: %json {json.dumps(schema)}"}, max_tokens=1)
        )
        for schema in many
    ]
    await asyncio.sleep(0.1)
    await post(url, max_tokens=1)
    assert not all(task.done() for task in slow)
    for answer in await asyncio.gather(*slow):
        told = answer.json()["choices"][0]["stop_reason"]
        assert told.startswith("too short: The answer may take 1 tokens")


async def test_endings_are_drafts_of_jump_forward(jump_server: VllmServer) -> None:
    engine = await VllmEngine.open(jump_server.url)
    assert (await prove(engine)).passed
    before = await counted(jump_server)
    tokens = closed = 0
    for seed in range(12):
        done = await engine.generate(ASKED, compile_grammar(Notes), Sampling(1.5, seed=seed), 30)
        tokens, closed = tokens + done.usage.completion_tokens, closed + bool(done.closed)
    found = await counted(jump_server) - before
    assert closed
    assert found.accepted == found.drafted > tokens / 3
    await engine.close()


async def test_a_server_without_it_keeps_finite_bounds(vllm_url: str) -> None:
    engine = await VllmEngine.open(vllm_url)
    assert (await prove(engine)).passed
    assert not engine.closes
    done = await engine.generate(ASKED, compile_grammar(Small), Sampling(1.5), 400)
    assert done.closed == ""
    await engine.close()


async def test_a_server_that_drafts_of_its_own_samples_as_it_is_asked_to(random_model: Path, tmp_path: Path) -> None:
    # vLLM's own sampling beside drafts ends a CPU's engine where nothing was drafted, or where a top_k is asked for.
    drafts = json.dumps({"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4})
    flags = (*closing_flags(), "--dtype", "float32", "--speculative-config", drafts)
    async with (
        VllmServer.start(str(random_model), log=tmp_path / "vllm.log", flags=flags) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):

        async def one(number: int) -> int:
            asked = {"temperature": (0, 0.7, 1)[number % 3], "top_k": (0, 7)[number % 2], "top_p": 0.9}
            body = {"model": server.model, "prompt": "one two three one two three one two", "max_tokens": 30}
            constrained = {"structured_outputs": {"regex": "(one|two|three| ){9,40}"}} if number % 4 else {}
            return (await client.post("/v1/completions", json=body | asked | constrained)).status_code

        for _ in range(2):
            assert await asyncio.gather(*map(one, range(12))) == [200] * 12
