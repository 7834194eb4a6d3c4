from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import Field
from scripted_server import Body, Reply, ScriptedServer, refuses, says

from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Engine, Message, Sampling, Usage
from models.engines.open_engine import open_engine
from models.engines.thinking import Thinking
from models.engines.vllm.engine import VllmEngine
from models.engines.wording import Wording, said
from models.errors import ConstraintBroken, EngineUnavailable, PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar

WORD = Grammar("start: /[a-z]{3,5}/", 6)
ASK = [Message("system", "Be brief."), Message("user", "Say a word.")]


@asynccontextmanager
async def thinking(server: ScriptedServer, budget: int = 100) -> AsyncIterator[Thinking]:
    engine = await VllmEngine.open(server.url)
    try:
        yield Thinking(engine, budget)
    finally:
        await engine.close()


async def answer_after(*replies: Reply, **options: object) -> tuple[Completion, list[Body]]:
    with ScriptedServer(replies, **options) as server:  # type: ignore[arg-type]
        async with thinking(server) as engine:
            return await engine.generate(ASK, WORD, Sampling()), server.requests


def last_turn(body: Body) -> str:
    return str(body["messages"][-1]["content"])


async def test_the_thought_comes_first_and_the_answer_sees_it() -> None:
    completion, (thought, answer) = await answer_after(says("<think>\nA bird?\n", tokens=40), says("wren", tokens=3))
    assert completion.text == "wren"
    assert completion.thinking == "A bird?"
    assert completion.finish_reason == "stop"
    assert completion.usage == Usage(22, 43)
    assert thought["messages"] == [{"role": turn.role, "content": turn.content} for turn in ASK]
    assert last_turn(answer) == f"Say a word.\n\n{said(Wording().notes, thought='A bird?')}"
    assert [turn["role"] for turn in answer["messages"]] == ["system", "user"]


async def test_thought_and_answer_have_budgets_of_their_own() -> None:
    _, (thought, answer) = await answer_after(says("A bird?"), says("wren"))
    assert thought["max_completion_tokens"] == 100
    assert thought["stop"] == ["</think>"]
    assert "structured_outputs" not in thought
    assert answer["max_completion_tokens"] == WORD.max_tokens
    assert answer["structured_outputs"] == {"grammar": WORD.lark}
    assert "stop" not in answer


async def test_the_template_switches_thinking_on_and_off() -> None:
    _, (thought, answer) = await answer_after(says("A bird?"), says("wren"), model="Qwen/Qwen3-4B")
    assert thought["chat_template_kwargs"] == {"enable_thinking": True}
    assert answer["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("reply", "thought"),
    [
        (says("<think>A bird, or a fish, or a", finish_reason="length"), "A bird, or a fish, or a"),  # never closes
        (says("A bird, or a fish, or a", finish_reason="length"), "A bird, or a fish, or a"),  # the template opened it
        (says("<think>A bird.</think>\n\nThe wren, of course."), "A bird."),  # inside the content, and `stop` ignored
        (says("A bird.\n</think>\n\nThe wren, of course."), "A bird."),
        (says("The wren, of course."), "The wren, of course."),  # thinking is switched off for good
        (says(None, reasoning_content="A bird."), "A bird."),  # a parser of reasoning, of several ages
        (says(None, reasoning="A bird."), "A bird."),
        (says("The wren.", reasoning="A bird.\n"), "A bird."),
        (says("<think><think>A bird.</think>"), "A bird."),
    ],
)
async def test_however_a_model_thinks_the_answer_follows(reply: Reply, thought: str) -> None:
    completion, (_, answer) = await answer_after(reply, says("wren"))
    assert completion.text == "wren"
    assert completion.thinking == thought
    assert said(Wording().notes, thought=thought) in last_turn(answer)


@pytest.mark.parametrize(
    "reply", [says(""), says(None), says("<think>\n\n</think>"), says("<think>"), says("</think>")]
)
async def test_without_a_thought_the_question_stays_as_it_was(reply: Reply) -> None:
    completion, (_, answer) = await answer_after(reply, says("wren"))
    assert completion.text == "wren"
    assert completion.thinking == ""
    assert last_turn(answer) == "Say a word."


async def test_notes_stand_in_a_turn_of_their_own_where_the_user_did_not_speak_last() -> None:
    with ScriptedServer([says("A bird."), says("wren")]) as server:
        async with thinking(server) as engine:
            await engine.generate([*ASK, Message("assistant", "Which?")], WORD, Sampling())
        assert [turn["role"] for turn in server.requests[1]["messages"]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("swallowed", [says(None, reasoning_content="wren"), says(None, reasoning="wren"), says(None)])
async def test_an_answer_that_a_parser_of_reasoning_took_is_broken_with_advice(swallowed: Reply) -> None:
    with pytest.raises(ConstraintBroken, match="no content") as caught:
        await answer_after(says("A bird."), swallowed)
    assert "start it without --reasoning-parser" in str(caught.value)


async def test_a_thought_in_the_place_of_the_answer_is_broken() -> None:
    with pytest.raises(ConstraintBroken, match="finish_reason length"):
        await answer_after(says("A bird."), says("<think>Hmm", finish_reason="length"))


async def test_a_thought_is_drawn_with_some_luck_and_the_answer_as_asked() -> None:
    _, (thought, answer) = await answer_after(says("A bird."), says("wren"))
    assert (thought["temperature"], thought["top_p"]) == (0.6, 0.95)
    assert (answer["temperature"], answer["top_p"]) == (0.0, 1.0)


async def test_nothing_is_thought_where_there_is_no_choice() -> None:
    with ScriptedServer([says("wren")]) as server:
        async with thinking(server) as engine:
            only = Grammar('start: "wren"', 5, constant="wren")
            assert (await engine.generate(ASK, only, Sampling())).text == "wren"
        assert len(server.requests) == 1


async def test_a_budget_below_one_token_is_refused() -> None:
    with ScriptedServer([]) as server, pytest.raises(ValueError, match="thinking budget is -1"):
        async with thinking(server, budget=-1):
            pytest.fail("the engine was handed out")


async def test_free_text_passes_through_without_its_thought() -> None:
    with ScriptedServer([says("<think>A bird.</think>\n\nThe wren."), says("The wren.")]) as server:
        async with thinking(server) as engine:
            first = await engine.generate(ASK, None, Sampling(), max_tokens=50)
            second = await engine.generate(ASK, None, Sampling(), max_tokens=50)
        assert [body["max_completion_tokens"] for body in server.requests] == [50, 50]
    assert (first.thinking, first.text) == ("A bird.", "The wren.")
    assert (second.thinking, second.text) == ("", "The wren.")


async def test_a_server_that_goes_away_while_it_thinks_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable):
        await answer_after(refuses(503, "Gone"))


async def test_a_thought_is_shorter_where_the_context_is_small() -> None:
    _, (thought, _) = await answer_after(says("A bird."), says("wren"), context=100)
    assert thought["max_completion_tokens"] == 50


async def test_notes_too_long_for_the_context_keep_their_end() -> None:
    completion, (_, answer) = await answer_after(says("so " * 300 + "a bird."), says("wren"), context=500)
    assert completion.thinking.count("so") == 300
    assert last_turn(answer).endswith("so a bird.\n\nNow answer.")
    assert len(last_turn(answer)) < 500


async def test_the_answer_follows_where_no_thought_fits() -> None:
    completion, (answer,) = await answer_after(says("wren"), context=30)
    assert completion.text == "wren"
    assert last_turn(answer) == "Say a word."


async def test_a_prompt_too_long_for_the_answer_alone_is_refused() -> None:
    with pytest.raises(PromptTooLong):
        await answer_after(context=22)


class Bird(Contract):
    name: str = Field(min_length=3, max_length=8)


async def test_a_model_whose_server_takes_no_grammars_thinks_first_as_well() -> None:
    replies = [says("In the dark…"), says("<think>A bird."), says("<answer><name>wren</name></answer>")]
    with ScriptedServer(replies) as server:
        async with open_engine(server.url, enforcement="prompted", thinking=50) as engine:
            assert engine.enforcement == "prompted"
            assert engine.profile.thinks
            assert str(engine.canary).startswith("failed: ")
            completion = await engine.generate(ASK, compile_grammar(Bird), Sampling())
        _, thought, answer = server.requests
    assert Bird.model_validate_json(completion.text) == Bird(name="wren")
    assert (completion.thinking, completion.enforcement) == ("A bird.", "prompted")
    assert thought["max_completion_tokens"] == 50
    assert said(Wording().notes, thought="A bird.") in last_turn(answer)


async def test_a_model_in_this_process_thinks_up_to_its_budget_and_answers(random_model: Path) -> None:
    async with open_engine(str(random_model), thinking=24) as engine:
        plain = await answers(engine, 0.0)
        wild = await answers(engine, 1.5)
    for completion in (plain, wild):
        assert 24 < completion.usage.completion_tokens <= 24 + WORD.max_tokens
        assert completion.thinking


async def answers(engine: Engine, temperature: float) -> Completion:
    completion = await engine.generate(ASK, WORD, Sampling(temperature, seed=3))
    assert completion.text.isalpha()
    assert completion.finish_reason == "stop"
    return completion


async def test_a_thought_in_this_process_ends_at_its_closing_tag(random_model: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, "random")
    # A letter that even random weights write sooner or later stands for the tag.
    engine.profile = replace(engine.profile, thinking_tags=("<think>", "e"))
    thoughts = [await engine.think(ASK, Sampling(1.0, seed=seed), 200) for seed in range(4)]
    await engine.close()
    for thought in thoughts:
        assert thought.finish_reason == "stop"
        assert thought.usage.completion_tokens < 200
        assert thought.text == ""
        assert "e" not in thought.thinking
    assert any(thought.thinking for thought in thoughts)


async def test_a_thought_on_a_real_server_ends_at_its_closing_tag_and_the_answer_follows(vllm_url: str) -> None:
    async with open_engine(vllm_url, thinking=200) as engine:
        assert isinstance(engine, Thinking)
        inner = await VllmEngine.open(vllm_url)
        inner.profile = replace(inner.profile, thinking_tags=("<think>", "e"))
        thought = await inner.think(ASK, Sampling(1.0, seed=1), 200)
        await inner.close()
        assert thought.finish_reason == "stop"
        assert "e" not in thought.thinking
        completion = await engine.generate(ASK, WORD, Sampling(1.0))
    assert 3 <= len(completion.text) <= 5
    assert completion.thinking
