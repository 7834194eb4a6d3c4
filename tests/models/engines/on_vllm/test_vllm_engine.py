from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from random_model import CONTEXT
from scripted_server import Reply, ScriptedServer, says

from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.vllm.engine import VllmEngine
from models.errors import ConstraintBroken, EngineError, EngineUnavailable, PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits

TRIP = re.compile(r'\{"to":"[a-zA-Z ]{0,30}","budget":[0-9]{1,6},"note":"[a-z]{20,60}"\}')


@pytest_asyncio.fixture
async def engine(vllm_url: str) -> AsyncIterator[VllmEngine]:
    engine = await VllmEngine.open(f"{vllm_url}/v1/")
    yield engine
    await engine.close()


@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_every_text_is_in_the_language_of_its_grammar(
    engine: VllmEngine, ask: list[Message], trip: Grammar, temperature: float
) -> None:
    completions = await asyncio.gather(
        *[engine.generate(ask, trip, Sampling(temperature, seed=seed)) for seed in range(16)]
    )
    for completion in completions:
        assert TRIP.fullmatch(completion.text)
        assert completion.finish_reason == "stop"
        assert 0 < completion.usage.completion_tokens <= trip.max_tokens
        assert completion.usage.prompt_tokens > 0
    assert len({completion.text for completion in completions}) == (16 if temperature else 1)


async def test_a_seed_fixes_the_text(engine: VllmEngine, ask: list[Message], trip: Grammar) -> None:
    wild = Sampling(1.5, top_p=0.95, seed=11)
    assert (await engine.generate(ask, trip, wild)).text == (await engine.generate(ask, trip, wild)).text


async def test_both_engines_count_the_same_tokens(engine: VllmEngine, random_model: Path, ask: list[Message]) -> None:
    one = Grammar("start: /abc{30}/", 33)  # one text only, so that the count cannot depend on the precision of either
    here = await EmbeddedEngine.open(random_model, "random")
    ours, theirs = await here.generate(ask, one, Sampling()), await engine.generate(ask, one, Sampling())
    await here.close()
    assert ours.text == theirs.text
    assert ours.usage.prompt_tokens == theirs.usage.prompt_tokens


async def test_every_text_under_a_contract_is_a_value_of_it(
    engine: VllmEngine, ask: list[Message], request_contract: type[Contract]
) -> None:
    grammar = compile_grammar(request_contract, said=[ask[-1].content])
    completions = await asyncio.gather(*[engine.generate(ask, grammar, Sampling(1.5, seed=seed)) for seed in range(16)])
    for completion in completions:
        request_contract.model_validate_json(completion.text)


async def test_free_text_ends_at_its_bound(engine: VllmEngine, ask: list[Message]) -> None:
    completion = await engine.generate(ask, None, Sampling(1.0), max_tokens=12)
    assert completion.finish_reason == "length"
    assert completion.usage.completion_tokens == 12


async def test_a_text_cut_inside_its_grammar_is_never_returned(
    engine: VllmEngine, ask: list[Message], trip: Grammar
) -> None:
    with pytest.raises(ConstraintBroken, match="finish_reason length"):
        await engine.generate(ask, Grammar(trip.lark, max_tokens=5), Sampling())


async def test_the_longest_text_just_fits_its_budget(engine: VllmEngine, ask: list[Message], longest: Grammar) -> None:
    completion = await engine.generate(ask, longest, Sampling(1.5))
    assert completion.finish_reason == "stop"
    assert completion.text == "\N{SNOWMAN}" * 30
    assert completion.usage.completion_tokens == longest.max_tokens
    with pytest.raises(ConstraintBroken, match="finish_reason length"):
        await engine.generate(ask, Grammar(longest.lark, longest.max_tokens - 1), Sampling(1.5))


@pytest.mark.parametrize("length", [CONTEXT // 3, CONTEXT, 100_000])
async def test_a_prompt_that_leaves_too_little_room_is_refused(engine: VllmEngine, trip: Grammar, length: int) -> None:
    with pytest.raises(PromptTooLong):
        await engine.generate([Message("user", "\N{SNOWMAN}" * length)], trip, Sampling())


async def test_a_prompt_that_just_fits_is_answered(engine: VllmEngine, trip: Grammar) -> None:
    long = [Message("user", "z" * (CONTEXT - 126 - 20))]
    completion = await engine.generate(long, trip, Sampling())
    assert completion.usage.prompt_tokens + trip.max_tokens <= CONTEXT


async def test_a_grammar_that_cannot_be_compiled_is_reported(engine: VllmEngine, ask: list[Message]) -> None:
    with pytest.raises(EngineError, match=r"refused the request: Grammar error"):
        await engine.generate(ask, Grammar("start: nothing(", 10), Sampling())


async def test_one_that_gives_up_disturbs_nobody(engine: VllmEngine, ask: list[Message], trip: Grammar) -> None:
    # Those that give up would take seconds, so that none has its answer before, however busy the machine is.
    long = [asyncio.create_task(engine.generate(ask, None, Sampling(1.5, seed=n), 800)) for n in range(4)]
    kept = [asyncio.create_task(engine.generate(ask, trip, Sampling(1.5, seed=n))) for n in range(4)]
    await asyncio.sleep(0.05)
    for call in long:
        call.cancel()
    outcomes = await asyncio.gather(*long, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 4
    assert all(TRIP.fullmatch(completion.text) for completion in await asyncio.gather(*kept))


async def test_a_closed_engine_is_unavailable(vllm_url: str, ask: list[Message]) -> None:
    engine = await VllmEngine.open(vllm_url)
    calls = [asyncio.create_task(engine.generate(ask, None, Sampling(1.0), max_tokens=800)) for _ in range(4)]
    await asyncio.sleep(0.1)
    assert not any(call.done() for call in calls)
    await engine.close()
    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 4
    with pytest.raises(EngineUnavailable, match="is closed"):
        await engine.generate(ask, None, Sampling(), max_tokens=5)


async def test_it_says_what_it_talks_to(engine: VllmEngine, vllm_url: str, random_model: Path) -> None:
    assert engine.name == f"vllm:{random_model}"
    assert re.fullmatch(rf"{random_model}@{random_model} vllm [\d.]+\S*", engine.identity)
    assert engine.profile.context == CONTEXT
    known = await VllmEngine.open(vllm_url, weights="sha256:0")
    assert known.identity.startswith("sha256:0 vllm ")
    await known.close()


@pytest.mark.parametrize(
    ("text", "admitted"),
    [("naïve ☃", True), ("naïve", False), ("naïve ☃!", False), ("", False), ("```naïve ☃```", False)],
)
def test_a_text_outside_its_language_is_noticed(text: str, admitted: bool) -> None:
    assert admits(Grammar('start: "naïve " /[☃-☄]/', 20), text) is admitted


async def scripted(ask: list[Message], grammar: Grammar, replies: Sequence[Reply], **options: object) -> int:
    """Ask a server that answers so, and say how many calls it got."""
    with ScriptedServer(replies, **options) as server:  # type: ignore[arg-type]
        engine = await VllmEngine.open(server.url)
        try:
            assert (await engine.generate(ask, grammar, Sampling(), max_tokens=3)).finish_reason == "stop"
        finally:
            await engine.close()
            for body in server.requests:
                assert body["max_completion_tokens"] == grammar.max_tokens
                assert body["structured_outputs"] == {"grammar": grammar.lark}
        return len(server.requests)


WREN = Grammar("start: /[a-z]{4}/", 5)


async def test_it_asks_for_exactly_the_budget_of_the_grammar(ask: list[Message]) -> None:
    for budget in (5, 77, 1000):
        assert await scripted(ask, Grammar(WREN.lark, budget), [says("wren")]) == 1


@pytest.mark.parametrize("finish_reason", ["length", "tool_calls", "content_filter", "abort"])
async def test_a_whole_text_that_was_not_ended_by_the_model_is_not_trusted(
    ask: list[Message], finish_reason: str
) -> None:
    with pytest.raises(ConstraintBroken, match=f"finish_reason {finish_reason}") as caught:
        await scripted(ask, WREN, [says("wren", finish_reason=finish_reason)])
    assert caught.value.text == "wren"
    assert "wren" not in str(caught.value)


async def test_a_prompt_without_room_is_refused_before_the_call(ask: list[Message]) -> None:
    prompt = sum(len(turn.content) for turn in ask)
    assert await scripted(ask, WREN, [says("wren")], context=prompt + 5) == 1
    with ScriptedServer([], context=prompt + 4) as server:
        engine = await VllmEngine.open(server.url)
        with pytest.raises(PromptTooLong, match=f"takes {prompt} tokens and the answer may take 5"):
            await engine.generate(ask, WREN, Sampling())
        await engine.close()
        assert server.requests == []


async def test_where_a_server_cannot_count_a_cut_text_is_a_prompt_too_long(ask: list[Message]) -> None:
    assert await scripted(ask, WREN, [says("wren")], context=60, tokenizes=False) == 1
    with pytest.raises(PromptTooLong, match="takes 11 tokens and the answer may take 50"):
        await scripted(ask, Grammar(WREN.lark, 50), [says("wr", finish_reason="length")], context=60, tokenizes=False)


async def test_a_server_that_does_not_say_its_context_is_asked_all_the_same(ask: list[Message]) -> None:
    assert await scripted(ask, WREN, [says("wren")], context=None, version=None, tokenizes=False) == 1


async def test_reasoning_beside_a_whole_text_is_kept_apart(ask: list[Message]) -> None:
    with ScriptedServer([says("wren", reasoning="A bird."), says("The wren.", reasoning_content="A bird.")]) as server:
        engine = await VllmEngine.open(server.url)
        bound = await engine.generate(ask, WREN, Sampling())
        free = await engine.generate(ask, None, Sampling())
        await engine.close()
    assert (bound.text, bound.thinking) == ("wren", "A bird.")
    assert (free.text, free.thinking) == ("The wren.", "A bird.")
