from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_server import Body, Reply, ScriptedServer, refuses, says

from models.engines.canary import Canary, prove
from models.engines.embedded import EmbeddedEngine
from models.engines.open_engine import open_engine
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineUnavailable, ModelNotFound, NotEnforced, PromptTooLong

TINY = Path(__file__).parents[3] / "models/tiny"
PROSE = "In the dark a canary sings,\nand every miner hears it."


async def canary_of(script: Callable[[Body], Reply], **options: object) -> Canary:
    with ScriptedServer(script, **options) as server:  # type: ignore[arg-type]
        engine = await VllmEngine.open(server.url)
        try:
            return await prove(engine)
        finally:
            await engine.close()


def code_of(body: Body) -> str:
    """What only the grammar of a request tells."""
    found = re.search(r"[0-9a-f]{16}", body["structured_outputs"]["grammar"])
    assert found
    return found[0]


def kept(body: Body) -> str:
    """The answer of a server that keeps to the grammar."""
    return json.dumps({"code": code_of(body), "count": 42, "alive": True}, separators=(",", ":"))


async def test_the_shipped_model_passes() -> None:
    engine = await EmbeddedEngine.open(TINY, "models/tiny")
    canary = await prove(engine)
    await engine.close()
    assert canary.passed
    assert canary.reason == ""
    assert canary.seconds > 0
    assert str(canary) == "passed"


async def test_a_model_with_random_weights_passes(random_model: Path) -> None:
    async with open_engine(str(random_model)) as engine:
        assert engine.canary is not None
        assert engine.canary.passed
        assert engine.enforcement == "grammar"


async def test_a_real_vllm_server_passes(vllm_url: str) -> None:
    async with open_engine(vllm_url) as engine:
        assert engine.canary is not None
        assert engine.canary.passed


async def test_a_server_that_keeps_to_the_grammar_passes() -> None:
    assert (await canary_of(lambda body: says(kept(body)))).passed


async def test_each_proof_asks_for_a_code_that_was_never_seen_and_only_in_its_grammar() -> None:
    with ScriptedServer(lambda body: says(kept(body))) as server:
        engine = await VllmEngine.open(server.url)
        assert (await prove(engine)).passed
        assert (await prove(engine)).passed
        await engine.close()
        first, second = server.requests
    assert code_of(first) != code_of(second)
    for body in (first, second):
        assert code_of(body) not in json.dumps(body["messages"])


async def test_it_asks_in_the_form_of_every_other_request() -> None:
    with ScriptedServer(lambda body: says(kept(body))) as server:
        async with open_engine(server.url) as engine:
            assert engine.canary is not None
        (body,) = server.requests
    assert body.keys() == {
        *("model", "messages", "max_completion_tokens", "temperature", "top_p", "seed"),
        *("chat_template_kwargs", "structured_outputs"),
    }


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (says(PROSE), "It begins: In the dark a canary sings, and every miner hears it."),
        (says('{"code":"0123456789abcdef","count":42,"alive":true}'), 'It begins: {"code":"0123456789abcdef"'),
        (says("{}"), "It begins: {}"),
        (says(None, reasoning_content="A canary…"), "reasoning, but no content"),
        (says(None, reasoning="A canary…"), "without --reasoning-parser"),
        (says(None), "returned no content"),
        (says(""), "without --reasoning-parser"),
        (refuses(400, "Unrecognized request argument: structured_outputs"), "Unrecognized request argument"),
        (refuses(422, "Extra inputs are not permitted"), "Extra inputs are not permitted"),
        (Reply(200, {"choices": []}), "no chat completion"),
        (Reply(200, {"answer": 42}), "no chat completion"),
        (Reply(200, {"choices": [{"message": None}]}), "no chat completion"),
    ],
)
async def test_a_server_that_does_not_is_found_out_with_what_it_did(reply: Reply, reason: str) -> None:
    canary = await canary_of(lambda body: reply)
    assert not canary.passed
    assert reason in canary.reason
    assert str(canary) == f"failed: {canary.reason}"


async def test_the_answer_of_an_earlier_proof_is_of_no_use() -> None:
    recorded: list[Reply] = []

    def replay(body: Body) -> Reply:
        recorded.append(says(kept(body)))
        return recorded[0]

    assert (await canary_of(replay)).passed
    assert not (await canary_of(replay)).passed


async def test_a_server_that_cuts_answers_is_found_out() -> None:
    canary = await canary_of(lambda body: says(kept(body)[:-5], finish_reason="length"))
    assert not canary.passed
    assert "finish_reason length" in canary.reason


async def test_a_server_that_says_it_cut_a_whole_answer_is_not_trusted() -> None:
    assert not (await canary_of(lambda body: says(kept(body), finish_reason="length"))).passed


@pytest.mark.parametrize("wrap", ["```json\n{}\n```", "Here you are: {}", "{}\n", "<think>\n\n</think>{}", "{} Enjoy!"])
async def test_the_right_value_in_a_wrapping_is_not_enforced(wrap: str) -> None:
    canary = await canary_of(lambda body: says(wrap.replace("{}", kept(body))))
    assert not canary.passed
    assert "not in the language of their grammar" in canary.reason


async def test_the_right_value_in_another_order_or_with_spaces_is_not_enforced() -> None:
    assert not (await canary_of(lambda body: says(json.dumps(json.loads(kept(body)))))).passed
    backwards = await canary_of(lambda body: says(json.dumps(dict(reversed(json.loads(kept(body)).items())))))
    assert not backwards.passed


@pytest.mark.parametrize("reply", [refuses(503, "Starting"), refuses(500, "Broken"), refuses(429, "Too many")])
async def test_a_server_that_is_away_has_neither_passed_nor_failed(reply: Reply) -> None:
    with pytest.raises(EngineUnavailable):
        await canary_of(lambda body: reply)


async def test_a_server_without_that_model_has_neither_passed_nor_failed() -> None:
    with pytest.raises(ModelNotFound):
        await canary_of(lambda body: refuses(404, "The model does not exist."))


async def test_a_context_too_short_even_for_the_canary_is_named() -> None:
    with pytest.raises(PromptTooLong):
        await canary_of(lambda body: says(kept(body)), context=64)


async def test_the_reason_shows_no_more_than_the_beginning() -> None:
    canary = await canary_of(lambda body: says("canary " * 1000))
    assert len(canary.reason) < 300
    assert canary.reason.endswith("…")


async def test_a_canary_is_a_row_of_json() -> None:
    canary = await canary_of(lambda body: says(PROSE))
    assert Canary(**json.loads(json.dumps(canary.row()))) == canary


def legacy() -> ScriptedServer:
    return ScriptedServer(lambda body: says(PROSE), model="legacy", version="0.9.0")


async def test_the_run_does_not_begin_where_the_canary_failed() -> None:
    with legacy() as server, pytest.raises(NotEnforced) as caught:
        async with open_engine(server.url):
            pytest.fail("the engine was handed out")
    message = str(caught.value)
    assert message.startswith("The engine does not enforce grammars: vllm:legacy returned 53 characters")
    assert "--enforcement prompted" in message
    assert not caught.value.retryable
    assert len(server.requests) == 1


async def test_it_goes_on_in_prompts_where_that_is_allowed() -> None:
    told: list[str] = []
    with legacy() as server:
        async with open_engine(server.url, told.append, enforcement="prompted") as engine:
            assert engine.enforcement == "prompted"
            assert engine.canary is not None
            assert not engine.canary.passed
    assert any("does not enforce grammars" in sentence for sentence in told)


async def test_prompts_are_not_used_where_the_grammar_is_enforced() -> None:
    with ScriptedServer(lambda body: says(kept(body))) as server:
        async with open_engine(server.url, enforcement="prompted") as engine:
            assert engine.enforcement == "grammar"
            assert isinstance(engine, VllmEngine)
