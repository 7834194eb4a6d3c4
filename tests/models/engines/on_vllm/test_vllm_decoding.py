"""What OpenAI's API asks of a draw, on a real vLLM server: each option changes what it should, and none is dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from models.engines.engine import Completion, Decoding, Message
from models.engines.vllm.engine import VllmEngine
from models.errors import ConstraintBroken
from models.grammar.plain import choice_grammar, regex_grammar

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED = [Message("user", "Tell me about trains.")]
WARM = Decoding(temperature=1.5, seed=3)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(vllm_url: str) -> AsyncIterator[VllmEngine]:
    engine = await VllmEngine.open(vllm_url)
    yield engine
    await engine.close()


async def free(engine: VllmEngine, sampling: Decoding, tokens: int = 16) -> Completion:
    return await engine.generate(ASKED, None, sampling, tokens)


async def test_limits_of_a_draw_lead_to_the_likeliest_text(engine: VllmEngine) -> None:
    greedy = await free(engine, Decoding())
    assert greedy.text != (await free(engine, WARM)).text
    for limited in (replace(WARM, top_k=1), replace(WARM, min_p=1.0)):
        assert (await free(engine, limited)).text == greedy.text


async def test_penalties_and_biases_change_the_text(engine: VllmEngine) -> None:
    greedy = await free(engine, Decoding(logprobs=1))
    assert greedy.logprobs
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 1 for token in greedy.logprobs)
    assert (await free(engine, Decoding(presence_penalty=2.0, frequency_penalty=2.0))).text != greedy.text
    biased = await free(engine, Decoding(logit_bias=((7, 100.0),)), 4)
    assert biased.text != greedy.text


async def test_a_stop_ends_a_free_text(engine: VllmEngine) -> None:
    whole = (await free(engine, Decoding())).text
    middle = whole[len(whole) // 2]
    stopped = await free(engine, Decoding(stop=(middle,)))
    assert (stopped.text, stopped.finish_reason) == (whole[: whole.index(middle)], "stop")


async def test_a_plain_text_is_gone_on_with(engine: VllmEngine) -> None:
    prompt = [Message("prompt", "Once upon a time")]
    plain = await engine.generate(prompt, None, Decoding(logprobs=2), 5)
    assert plain.usage.completion_tokens == 5
    assert "".join(str(token["token"]) for token in plain.logprobs) == plain.text
    assert plain.usage.prompt_tokens < (await free(engine, Decoding(), 5)).usage.prompt_tokens + 20
    chosen = await engine.generate(prompt, choice_grammar(["yes", "no"]), WARM)
    assert chosen.text in ("yes", "no")


async def test_a_budget_that_ends_inside_the_grammar_is_told_as_a_cut(engine: VllmEngine) -> None:
    grammar = regex_grammar("[a-z]{400}").within(6)
    with pytest.raises(ConstraintBroken) as broken:
        await engine.generate(ASKED, grammar, WARM)
    assert broken.value.cut
    assert broken.value.tokens[1] == 6
    whole = await engine.generate(ASKED, regex_grammar("[a-z]{3}/[0-9]{2}").within(60), replace(WARM, logprobs=2))
    assert whole.finish_reason == "stop"
    assert whole.logprobs
