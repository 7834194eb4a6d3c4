"""Rounds against servers that behave in a given way: they refuse, count something else, want a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_server import Body, Reply, ScriptedServer, refuses, says, tells

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.findings import rows
from models.bench.throughput.forms import Form, ask
from models.bench.throughput.load import Load
from models.bench.throughput.machine import machine
from models.bench.throughput.prompts import Prompt, read_prompts
from models.bench.throughput.slo import Slo
from models.bench.throughput.variant import FREE, VARIANTS
from models.contract import Contract
from models.engines.engine import Message
from models.errors import EngineError, EngineUnavailable

COUNTED = "vllm:iteration_tokens_total_count 3\n"
DRAFTS = COUNTED + "vllm:spec_decode_num_draft_tokens_total 3\n"


class Flag(Contract):
    flag: bool


def form(*texts: str) -> Form:
    return Form("flag", Flag, "Say it.", tuple(Prompt((Message("user", text),), 5) for text in texts))


def told(body: Body) -> str:
    return str(body["messages"][-1]["content"])


async def played(server: ScriptedServer, asked: Form, rounds: int = 1, streamed: bool = False) -> list[Round]:
    urls: Mapping[str, str] = {"plain": server.url}
    async with Arena.open("", [FREE], (), Path(), 0.0, urls=urls) as arena:
        return [(await arena.round(asked, Load(2), 4, [FREE], streamed))[0] for _ in range(rounds)]


async def test_a_request_that_fails_is_counted_and_in_no_other_figure() -> None:
    def script(body: Body) -> Reply:
        return refuses(500, "out of memory") if told(body) == "b" else says("yes", tokens=5)

    with ScriptedServer(script, metrics=COUNTED) as server:
        (one,) = await played(server, form("a", "b", "c", "d"))
    (cell,) = rows([one])
    assert (cell["completed"], cell["failed"], cell["total_output_tokens"], cell["tokens_per_answer"]) == (3, 1, 15, 5)
    assert [bool(reply.error) for reply in one.replies] == [False, True, False, False]
    assert "out of memory" in one.replies[1].error
    assert Slo.parse("e2el:60000").attainment([*one.replies[1:2]]) == 0


async def test_a_stream_that_breaks_off_or_holds_no_token_is_a_failure() -> None:
    def script(body: Body) -> Reply:
        if told(body) == "lost":
            return tells("y", "e", lost=True)
        if told(body) == "error":
            return Reply(200, {}, [{"error": {"message": "boom"}}])
        return tells() if told(body) == "none" else tells("y", "e", "s")

    with ScriptedServer(script, metrics=COUNTED) as server:
        (one,) = await played(server, form("lost", "fine", "error", "none"), streamed=True)
    assert [reply.tokens for reply in one.replies] == [0, 3, 0, 0]
    (cell,) = rows([one], Slo.parse("ttft:60000"))
    assert (cell["failed"], cell["completed"], cell["slo_attainment"]) == (3, 1, 0.25)
    assert "boom" in one.replies[2].error
    assert "without a token" in one.replies[3].error


async def test_where_all_fail_there_is_nothing_to_measure() -> None:
    said = r"failed under load: .*The script has ended"
    with ScriptedServer([], metrics=COUNTED) as server, pytest.raises(EngineUnavailable, match=said):
        await played(server, form("a"))


async def test_all_prompts_have_their_turn_however_many_a_round_takes() -> None:
    texts = [f"prompt {number}" for number in range(10)]
    with ScriptedServer(lambda _: says("yes", tokens=5), metrics=COUNTED) as server:
        await played(server, form(*texts), rounds=3)
    assert sorted(map(told, server.requests)) == sorted([*texts, *texts[:2]])


async def test_the_longest_prompt_decides_whether_there_is_room() -> None:
    with ScriptedServer([], metrics=COUNTED, context=400) as server:
        async with Arena.open("", [FREE], (), Path(), 0.0, urls={"plain": server.url}) as arena:
            assert await arena.fitting([form("b" * 500), form("a", "b")]) == [form("a", "b")]


@pytest.mark.parametrize(
    ("variant", "metrics", "said"),
    [
        ("jump-forward", COUNTED, "drafts no tokens, so that it has no jump-forward. Start it with what"),
        ("free", "http_requests_total 3\n", "does not count as vLLM does"),
        ("free", None, "does not count as vLLM does"),
    ],
)
async def test_a_server_of_another_kind_is_named(variant: str, metrics: str | None, said: str) -> None:
    chosen = VARIANTS[variant]
    with ScriptedServer([], metrics=metrics) as server, pytest.raises(EngineError, match=said):
        async with Arena.open("", [chosen], (), Path(), 0.0, urls={chosen.server: server.url}):
            pass


async def test_a_plain_server_that_drafts_is_told() -> None:
    heard: list[str] = []
    with ScriptedServer([], metrics=DRAFTS) as server:
        async with Arena.open("", [FREE], (), Path(), 0.0, heard.append, urls={"plain": server.url}):
            pass
    assert "drafts tokens" in heard[0]


@pytest.mark.parametrize("version", ["0.24.0", None])
async def test_the_version_is_that_of_the_server_and_not_of_what_is_installed_here(version: str | None) -> None:
    with ScriptedServer([], metrics=COUNTED, version=version) as server:
        async with Arena.open("", [FREE], (), Path(), 0.0, urls={"plain": server.url}) as arena:
            found = arena.servers
    assert found == {"plain": {"url": server.url, "model": "scripted", "vllm": version}}
    told = machine(found)
    assert (told["vllm"], told["torch"], told["of"]) == (version, None, "client and servers")
    two = machine({**found, "jump": {"url": "http://gpu:8000", "model": "scripted", "vllm": "0.32.0"}})
    assert (two["vllm"], two["of"], two["gpus"]) == (f"{version or 'unknown'} (plain), 0.32.0 (jump)", "client", None)


async def test_two_models_under_one_name_are_told() -> None:
    heard: list[str] = []
    with (
        ScriptedServer([], metrics=COUNTED, model="one") as plain,
        ScriptedServer([], metrics=DRAFTS, model="two") as jump,
    ):
        urls = {"plain": plain.url, "jump": jump.url}
        async with Arena.open("", [FREE, VARIANTS["jump-forward"]], (), Path(), 0.0, heard.append, urls=urls):
            pass
    assert "Several models are served (one by plain, two by jump)" in heard[0]


async def test_free_text_is_as_long_as_the_answer_that_a_conversation_has(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "Hello."}, {"from": "gpt", "value": "Hi there."}]
    rows: list[dict[str, object]] = [{"conversations": turns}, {"conversations": turns[:1]}]
    (tmp_path / "sharegpt.json").write_text(json.dumps(rows))
    asked = Form("flag", Flag, "Say it.", read_prompts(tmp_path / "sharegpt.json"))
    with ScriptedServer(lambda _: says("yes", tokens=5), metrics=COUNTED) as server:
        await played(server, asked)
        await played(server, replace(asked, output_tokens=33))
    assert {body["max_completion_tokens"] for body in server.requests[4:]} == {33}
    longest = ask(asked, 1).grammar.max_tokens
    assert sorted(body["max_completion_tokens"] for body in server.requests[:4]) == sorted([9, 9, longest, longest])


async def test_prompts_that_the_context_has_no_room_for_are_left_out_and_the_others_measured() -> None:
    sizes = [3, 9000, 40, 5000, 200, 60]
    prompts = tuple(Prompt((Message("user", "x" * size),), 50) for size in sizes)
    endless = Prompt((Message("user", "x"),), 9000)
    asked = Form("flag", Flag, "Say it.", (*prompts, endless))
    with ScriptedServer([], metrics=COUNTED, context=200) as server:
        async with Arena.open("", [FREE], (), Path(), 0.0, urls={"plain": server.url}) as arena:
            (form,) = await arena.fitting([asked])
            none = await arena.fitting([replace(asked, prompts=prompts[1:2])])
    assert [len(prompt.messages[0].content) for prompt in form.prompts] == [3, 40, 60]
    assert none == []
