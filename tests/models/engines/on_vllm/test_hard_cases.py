"""What schedulers of speculative decoding get wrong, on two real servers with jump-forward: one like any other, and one
with room for two requests and a cache that does not hold both, whose n-gram proposer drafts beside the grammar.

At T = 0 and in float32 a text is the model's alone, so every text has to be that of a server without any of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from drafted import counted
from real_model import Ticket

from models.bench.throughput.traffic import Call, Reply, Traffic
from models.engines.prometheus import totals
from models.engines.vllm.closings import ASKED
from models.engines.vllm.jump_forward import serve_flags
from models.engines.vllm.server import VllmServer
from models.grammar.grammar import compile_grammar

TICKET = {"grammar": compile_grammar(Ticket).lark}
LONG = {"grammar": r'start: "{\"summary\":\"" /[a-z ]{400,420}/ "\",\"the_priority_level_of_this_case\":" /[1-5]/ "}"'}
"""A text of a hundred tokens at least, with forced ones before and after it."""
ROOM = 512
"""Tokens of a request on the crowded server."""
CROWDED = (
    *serve_flags(ngram=True),
    *("--max-num-seqs", "2", "--max-model-len", str(ROOM), "--max-num-batched-tokens", str(ROOM)),
    *("--block-size", "32", "--num-gpu-blocks-override", "18", "--dtype", "float32"),
)
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded_server(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmServer]:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    log = tmp_path_factory.mktemp("vllm") / "crowded.log"
    async with VllmServer.start(str(random_model), log=log, flags=CROWDED) as server:
        yield server


def calls(number: int) -> list[Call]:
    """Long, short and free requests in turn, none with the prompt of another, and all with room for their answers."""
    kinds: tuple[dict[str, Any] | None, ...] = (LONG, TICKET, None, LONG)
    return [
        Call(
            [{"role": "user", "content": f"Case {place}: my bag came {place} hours late. " * (8 + place % 3)}],
            240,
            kinds[place % 4],
        )
        for place in range(number)
    ]


async def answers(url: str, model: str, asked: Sequence[Call], at_once: int | None = None) -> list[Reply]:
    traffic = Traffic(url, model)
    try:
        return (await traffic.send(asked, at_once, False))[0]
    finally:
        await traffic.close()


async def model_of(url: str) -> str:
    traffic = await Traffic.open(url)
    await traffic.close()
    return traffic.model


async def preemptions(server: VllmServer) -> float:
    traffic = Traffic(server.url, server.model)
    try:
        return totals(await traffic.metrics(), ("vllm:num_preemptions_total",))["vllm:num_preemptions_total"]
    finally:
        await traffic.close()


def texts(replies: Sequence[Reply]) -> list[tuple[str, int, str]]:
    return [(reply.text, reply.tokens, reply.finish_reason) for reply in replies]


async def test_requests_that_are_preempted_and_recomputed_while_drafts_wait_write_the_same(
    vllm_url: str, crowded_server: VllmServer
) -> None:
    """Forty at once for two places, n-gram drafts beside forced ones, and a cache that holds no two long requests."""
    asked = calls(40)
    plain = await answers(vllm_url, await model_of(vllm_url), asked, 8)
    before, preempted = await counted(crowded_server), await preemptions(crowded_server)
    jumped = await answers(crowded_server.url, crowded_server.model, asked)
    assert texts(jumped) == texts(plain)
    found = await counted(crowded_server) - before
    assert await preemptions(crowded_server) - preempted >= 5
    assert found.drafted >= found.accepted > 1000  # free text repeats itself, and n-grams draft it


async def test_requests_that_are_aborted_in_mid_jump_leave_nothing_behind(
    vllm_url: str, crowded_server: VllmServer
) -> None:
    asked = calls(8)
    plain = await answers(vllm_url, await model_of(vllm_url), asked, 8)
    async with httpx.AsyncClient(base_url=crowded_server.url, timeout=60) as client:

        async def leave(call: Call, chunks: int) -> None:
            body = {"model": crowded_server.model, "messages": call.messages, "stream": True, "temperature": 0}
            body |= {"max_completion_tokens": call.tokens, "structured_outputs": LONG}
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                async for _ in answer.aiter_lines():
                    chunks -= 1
                    if chunks <= 0:
                        return

        _, kept = await asyncio.gather(
            asyncio.gather(*(leave(call, 1 + place) for place, call in enumerate(asked))),
            answers(crowded_server.url, crowded_server.model, asked),
        )
        assert texts(kept) == texts(plain)
        for _ in range(100):
            found = totals((await client.get("/metrics")).text, ("vllm:num_requests_running",))
            if not found["vllm:num_requests_running"]:
                break
            await asyncio.sleep(0.1)
        assert found["vllm:num_requests_running"] == 0


async def both(plain: str, jumping: VllmServer, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of a server without jump-forward and of one with it to the same body."""
    found = []
    for url in (plain, jumping.url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            asked = {"model": await model_of(url), "temperature": 0, **body}
            answer = await client.post("/v1/chat/completions", json=asked)
            assert answer.status_code == 200, answer.text
            choice, usage = answer.json()["choices"][0], answer.json()["usage"]
            found.append({"text": choice["message"]["content"], "reason": choice["finish_reason"], "usage": usage})
    return found


@pytest.mark.parametrize("crowd", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        {"stop": ["s_human"]},  # in the middle of a key, which is one jump
        {"stop": ["_"], "include_stop_str_in_output": True},
        {"max_completion_tokens": 1},
        {"messages": [{"role": "user", "content": ""}]},
        {"min_tokens": 5},
    ],
)
async def test_what_ends_or_begins_a_text_does_so_within_a_jump(
    vllm_url: str, jump_server: VllmServer, crowded_server: VllmServer, given: dict[str, Any], crowd: bool
) -> None:
    body = {"messages": [{"role": "user", "content": "My bag is lost."}], "structured_outputs": TICKET} | given
    plain, jumped = await both(
        vllm_url, crowded_server if crowd else jump_server, {"max_completion_tokens": 240} | body
    )
    for one in (plain, jumped):
        one["usage"].pop("prompt_tokens_details", None)
    assert jumped == plain
    if "stop" in given:
        assert jumped["reason"] == "stop"
        assert not jumped["text"].endswith("}")
    if "max_completion_tokens" in given:
        assert jumped["usage"]["completion_tokens"] == 1


async def test_a_prompt_that_is_found_in_the_cache_is_answered_the_same(vllm_url: str, jump_server: VllmServer) -> None:
    asked = [Call([{"role": "user", "content": "The same long words again and again. " * 40}], 240, TICKET, "hit")]
    plain = await answers(vllm_url, await model_of(vllm_url), asked)
    first = await answers(jump_server.url, jump_server.model, asked)
    before = await counted(jump_server)
    again = await answers(jump_server.url, jump_server.model, asked)
    found = await counted(jump_server) - before
    assert texts(plain) == texts(first) == texts(again)
    assert found.cached > 100
    assert found.accepted == found.drafted > 0


async def test_an_answer_ends_within_its_budget_where_drafts_are_taken_in_part(crowded_server: VllmServer) -> None:
    """A text that repeats itself is drafted past the place where it has to end."""
    async with httpx.AsyncClient(base_url=crowded_server.url, timeout=60) as client:

        async def ask(budget: int) -> dict[str, Any]:
            body = {"model": crowded_server.model, "prompt": f"Again: {budget}", "temperature": 0, "max_tokens": budget}
            body["structured_outputs"] = {"grammar": 'start: ("x" | "yy" | "zzz")+ "."'}
            answer = await client.post("/v1/completions", json=body | {"vllm_xargs": {ASKED: 1}})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()["choices"][0]
            return found

        for choice in await asyncio.gather(*map(ask, range(60, 80))):
            assert choice["finish_reason"] == "stop"
            assert re.fullmatch(r"(x|yy|zzz)+\.", choice["text"])


CHAIN = "start: r0\n" + "\n".join(f'r{number}: "a" r{number + 1}' for number in range(5_000)) + '\nr5000: "b"'
"""Rules in rules: llguidance's stack ends before they do, and with it the process."""
ENDLESS = 'start: "x" | /[yz]/ /a+/ "a c"'
"""The longest run of a leaves none for what follows: behind a y, a is all that may ever be written."""


async def test_a_grammar_that_would_end_the_server_or_keep_it_for_ever_is_refused(crowded_server: VllmServer) -> None:
    async with httpx.AsyncClient(base_url=crowded_server.url, timeout=60) as client:

        async def ask(lark: str) -> httpx.Response:
            body = {
                "model": crowded_server.model,
                "prompt": "x",
                "max_tokens": 8,
                "structured_outputs": {"grammar": lark},
            }
            return await client.post("/v1/completions", json=body | {"temperature": 0})

        for lark in (CHAIN, ENDLESS):
            refused = await ask(lark)
            assert refused.status_code == 400, refused.text
            assert "takes more than 4 s, or more room than there is, to compile" in refused.text
        answered = await ask('start: "x" | /[yz]/ /a+/')
        assert answered.status_code == 200, answered.text
