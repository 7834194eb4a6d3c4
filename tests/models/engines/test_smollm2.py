"""A real open model in this process, with 49,152 tokens and a chat template of its own: what holds for random weights
and for the shipped copier holds for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from real_model import INJECTIONS, SYSTEM, Note, Thought, complaint, faults, forms, written
from soak import repeats, soak

from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.open_engine import open_engine
from models.engines.precision import has_bfloat16
from models.engines.prompted.prompted import Prompted
from models.errors import PromptedFailure, PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits
from models.said import Said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(smollm2: str) -> AsyncIterator[EmbeddedEngine]:
    async with open_engine(smollm2) as engine:
        assert isinstance(engine, EmbeddedEngine)
        yield engine


async def test_it_passes_its_canary_and_knows_its_context(engine: EmbeddedEngine) -> None:
    assert engine.profile.dtype == ("bfloat16" if has_bfloat16() else "float32")
    assert engine.canary is not None
    assert engine.canary.passed
    assert engine.profile.context == 8192
    assert engine.name == "embedded:smollm2"


async def test_without_a_grammar_it_answers_like_the_model_it_is(engine: EmbeddedEngine) -> None:
    asked = [Message("user", "What is the capital of France?")]
    completion = await engine.generate(asked, None, Sampling(), 40)
    assert "Paris" in completion.text
    assert completion.finish_reason == "stop"
    assert "<|" not in completion.text


@soak
async def test_everything_it_writes_is_valid(engine: EmbeddedEngine) -> None:
    count, wrong = await faults(engine, contracts=repeats(2, 100), schemas=repeats(1, 100), repeats=repeats(1, 2))
    assert wrong == []
    assert count >= repeats(9, 600)


@soak
@pytest.mark.asyncio(loop_scope="session")
async def test_neither_forced_tokens_nor_neighbours_change_a_text(exact_smollm2: EmbeddedEngine) -> None:
    exact = exact_smollm2
    asks = forms(exact, repeats(2, 32))
    together = await written(exact, asks)
    alone = [(await written(exact, [ask]))[0] for ask in asks[:: repeats(3, 1)]]
    exact._jumps = False
    try:
        stepped = await written(exact, asks)
    finally:
        exact._jumps = True
    assert [done.text for done in together] == [done.text for done in stepped]
    assert [done.usage for done in together] == [done.usage for done in stepped]
    assert [done.text for done in alone] == [done.text for done in together[:: repeats(3, 1)]]


async def test_its_notes_are_private_and_end_in_time(engine: EmbeddedEngine) -> None:
    grammar = compile_grammar(Thought, [complaint(3)], scratchpad=40, spaced=engine.profile.spaced)
    done = await engine.generate([SYSTEM, Message("user", complaint(3))], grammar, Sampling())
    thought = Thought.model_validate_json(done.text)
    assert 0 < len(thought.thinking) <= 40
    assert "thinking" not in thought.public()


async def test_what_it_copies_was_said(engine: EmbeddedEngine) -> None:
    class Where(Contract):
        city: Said[str]

    for number in range(3):
        grammar = compile_grammar(Where, [complaint(number)], spaced=engine.profile.spaced)
        done = await engine.generate([SYSTEM, Message("user", complaint(number))], grammar, Sampling(1.0, seed=number))
        assert json.loads(done.text)["city"] in complaint(number)


@soak
async def test_asked_for_xml_it_gives_a_valid_answer_or_none(engine: EmbeddedEngine) -> None:
    prompted = Prompted(engine, repairs=0)
    for number in range(repeats(1, 16)):
        grammar = compile_grammar(Note, [complaint(number)])
        try:
            done = await prompted.generate([SYSTEM, Message("user", complaint(number))], grammar, Sampling())
        except PromptedFailure:
            continue
        assert admits(grammar, done.text)
        Note.model_validate_json(done.text)
        assert done.enforcement == "prompted"


@pytest.mark.parametrize("message", INJECTIONS)
async def test_a_message_begins_no_turn_of_its_own(engine: EmbeddedEngine, message: str) -> None:
    tokenizer = engine._model.hf_tokenizer
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())

    def control(text: str) -> list[int]:
        ids = engine._encode([SYSTEM, Message("user", text)], {})
        return [token for token in ids if token in special]

    assert control(message) == control("harmless")
    assert len(control("harmless")) == 5  # two turns that begin and end, and one that begins


@soak
async def test_a_prompt_that_just_fits_is_answered_and_one_token_more_is_refused(engine: EmbeddedEngine) -> None:
    word = Grammar("start: /[a-z]{3,5}/", 6)
    context = repeats(600, 8192)
    whole, engine.profile = engine.profile, replace(engine.profile, context=context)
    try:
        room = context - word.max_tokens - len(engine._encode([Message("user", "")], {}))
        fits, longer = ([Message("user", " dog" * length)] for length in (room, room + 1))
        done = await engine.generate(fits, word, Sampling())
        assert done.usage.prompt_tokens + word.max_tokens == context
        assert done.finish_reason == "stop"
        with pytest.raises(PromptTooLong):
            await engine.generate(longer, word, Sampling())
    finally:
        engine.profile = whole
