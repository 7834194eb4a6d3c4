from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scripted_server import Body, Reply, ScriptedServer, refuses, says

from models.engines.canary import prove
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Canary, Enforcement
from models.engines.open_engine import open_engine
from models.engines.sampler import Row, Sampler
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineError, EngineUnavailable, ModelNotFound, NotEnforced, PromptTooLong

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
    return json.dumps({"code": code_of(body), "count": 42, "alive": True})


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
        "vllm_xargs",  # which the first one has: whether the server closes
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
    ],
)
async def test_a_server_that_does_not_is_found_out_with_what_it_did(reply: Reply, reason: str) -> None:
    canary = await canary_of(lambda body: reply)
    assert not canary.passed
    assert reason in canary.reason
    assert str(canary) == f"failed: {canary.reason}"


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(400, "Unrecognized request argument: structured_outputs"),
        refuses(422, "Extra inputs are not permitted"),
    ],
)
async def test_a_server_that_refuses_grammars_and_nothing_else_does_not_enforce_them(refusal: Reply) -> None:
    canary = await canary_of(lambda body: refusal if "structured_outputs" in body else says("In"))
    assert not canary.passed
    assert refusal.body["error"]["message"] in canary.reason


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (
            refuses(400, "chat_template_kwargs is not allowed"),
            "refused the request: chat_template_kwargs is not allowed",
        ),
        (refuses(422, "Extra inputs are not permitted"), "refused the request: Extra inputs are not permitted"),
        (refuses(401, "Wrong API key"), "failed: Wrong API key"),
        (refuses(403, "Not for you"), "failed: Not for you"),
        (Reply(200, {"choices": []}), "sent a reply that is no chat completion"),
        (Reply(200, {"answer": 42}), "sent a reply that is no chat completion"),
        (Reply(200, {"choices": [{"message": None}]}), "sent a reply that is no chat completion"),
    ],
)
@pytest.mark.parametrize("enforcement", ["grammar", "prompted"])
async def test_a_server_that_fails_is_told_from_one_that_does_not_enforce(
    reply: Reply, failure: str, enforcement: Enforcement
) -> None:
    with ScriptedServer(lambda body: reply) as server, pytest.raises(EngineError) as caught:
        async with open_engine(server.url, enforcement=enforcement):
            pytest.fail("the engine was handed out")
    message = str(caught.value)
    assert message.startswith(f"The engine failed in its canary: vllm:scripted {failure}.")
    assert not isinstance(caught.value, NotEnforced)
    assert "enforce" not in message
    assert "flags" not in message


async def test_a_server_that_goes_away_between_refusal_and_control_has_neither_passed_nor_failed() -> None:
    with pytest.raises(EngineUnavailable):
        await canary_of(lambda body: refuses(400 if "structured_outputs" in body else 503, "Not now"))


@pytest.mark.parametrize("enforcement", ["grammar", "prompted"])
async def test_an_embedded_engine_that_fails_says_what_failed_and_nothing_of_servers(
    monkeypatch: pytest.MonkeyPatch, enforcement: Enforcement
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("past_key_values")  # as transformers 5.24 had it

    monkeypatch.setattr("models.engines.token_transformers.decode", broken)
    with pytest.raises(EngineError) as caught:
        async with open_engine("models/tiny", enforcement=enforcement):
            pytest.fail("the engine was handed out")
    what, advice = caught.value.what, caught.value.hint
    assert what == (
        "The engine failed in its canary: embedded:models/tiny failed while decoding: KeyError: 'past_key_values'."
    )
    assert re.fullmatch(r"Report this with what it runs on: transformers \S+, outlines \S+, llguidance \S+\.", advice)


async def test_an_embedded_engine_without_room_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 has …")

    monkeypatch.setattr("models.engines.token_transformers.decode", full)
    with pytest.raises(EngineError) as caught:
        async with open_engine("models/tiny"):
            pytest.fail("the engine was handed out")
    assert str(caught.value).endswith(
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB. Use a smaller model, or free memory."
    )


def unmasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on masks reach no logits, as a release might have it that hands a processor a copy."""
    monkeypatch.setattr(Sampler, "_allowed", staticmethod(lambda matcher, logits: logits == logits))
    monkeypatch.setattr(Row, "jump", lambda row: None)


async def test_an_embedded_engine_that_does_not_enforce_is_found_out_with_advice_of_its_own(
    monkeypatch: pytest.MonkeyPatch, random_model: Path
) -> None:
    unmasked(monkeypatch)
    with pytest.raises(NotEnforced) as caught:
        async with open_engine(str(random_model)):
            pytest.fail("the engine was handed out")
    assert caught.value.what.startswith(
        f"The engine does not enforce grammars: embedded:{random_model} stopped inside the grammar after "
    )
    assert re.match(r"Report this with what it runs on: transformers \S+, outlines", caught.value.hint)
    assert "Or give `--enforcement prompted`" in caught.value.hint
    assert "vLLM" not in str(caught.value)
    assert "flags" not in str(caught.value)


async def test_an_embedded_engine_that_does_not_enforce_goes_on_in_prompts_where_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, random_model: Path
) -> None:
    unmasked(monkeypatch)
    told: list[str] = []
    async with open_engine(str(random_model), told.append, enforcement="prompted") as engine:
        assert engine.enforcement == "prompted"
    assert any("does not enforce grammars: embedded:" in sentence for sentence in told)


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
    assert not (await canary_of(lambda body: says(json.dumps(json.loads(kept(body)), separators=(",", ":"))))).passed
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
    assert "vLLM 0.12 or newer, started with the flags that `interlock serve-flags` prints. Or give" in message
    assert "--enforcement prompted" in message
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
