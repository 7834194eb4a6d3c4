from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
import torch
from pydantic import Field
from random_model import CONTEXT, build_random_model

from models.background import Background
from models.contract import Contract
from models.engines.continuous_batching import ROWS
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.shared_cache import SharedCache
from models.errors import BudgetTooSmall, ConstraintBroken, EngineError, EngineUnavailable, PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar

TRIP = re.compile(r'\{"to":"[a-zA-Z ]{0,30}","budget":[0-9]{1,6},"note":"[a-z]{20,60}"\}')
WILD = Sampling(temperature=1.5)


@pytest_asyncio.fixture
async def engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, "models/random")
    yield engine
    await engine.close()


async def test_every_text_is_in_the_language_of_its_grammar(engine: EmbeddedEngine, trip: Grammar) -> None:
    completions = await asyncio.gather(
        *[
            engine.generate([Message("user", "Bali! " * (seed % 9 + 1))], trip, Sampling(seed % 3 * 0.75, seed=seed))
            for seed in range(3 * ROWS)
        ]
    )
    for completion in completions:
        assert TRIP.fullmatch(completion.text)
        assert completion.finish_reason == "stop"
        assert 0 < completion.usage.completion_tokens <= trip.max_tokens
        assert completion.usage.prompt_tokens > 0
        assert completion.seconds > 0
    assert len({completion.text for completion in completions}) > 2 * ROWS


async def test_the_same_request_gives_the_same_text(engine: EmbeddedEngine, ask: list[Message], trip: Grammar) -> None:
    for sampling in (Sampling(), WILD, Sampling(1.5, top_p=0.8, seed=7)):
        assert (await engine.generate(ask, trip, sampling)).text == (await engine.generate(ask, trip, sampling)).text
    other = Sampling(1.5, seed=1)
    assert (await engine.generate(ask, trip, WILD)).text != (await engine.generate(ask, trip, other)).text


async def test_top_p_keeps_the_likeliest_token(engine: EmbeddedEngine, ask: list[Message], trip: Grammar) -> None:
    narrow = await engine.generate(ask, trip, Sampling(1.5, top_p=1e-6, seed=3))
    assert narrow.text == (await engine.generate(ask, trip, Sampling())).text


async def test_neighbours_in_a_batch_do_not_change_a_text(engine: EmbeddedEngine, trip: Grammar) -> None:
    asks = [[Message("user", "a trip to Bali, please " * (length + 1))] for length in range(ROWS)]
    samplings = [Sampling(1.5 * (row % 2), seed=row) for row in range(ROWS)]
    alone = [await engine.generate(a, trip, s) for a, s in zip(asks, samplings, strict=True)]
    together = await asyncio.gather(*[engine.generate(a, trip, s) for a, s in zip(asks, samplings, strict=True)])
    assert [c.text for c in alone] == [c.text for c in together]
    assert [c.usage for c in alone] == [c.usage for c in together]


async def test_a_request_joins_those_that_are_being_decoded_and_leaves_before_them(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    ended = list[str]()

    async def call(name: str, grammar: Grammar) -> None:
        await engine.generate(ask, grammar, WILD)
        ended.append(name)

    endless = Grammar("start: /[a-z ]{800}/", 801)
    long = [asyncio.create_task(call("long", endless)) for _ in range(ROWS - 1)]
    while not engine._worker.decoded:
        await asyncio.sleep(0.01)
    await call("short", Grammar("start: /[a-z]{3}/", 4))
    assert ended == ["short"]
    await asyncio.gather(*long)


async def test_the_background_stands_still_while_a_person_waits_but_for_its_share(
    engine: EmbeddedEngine, ask: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    long, resting, together = Grammar("start: /[a-z ]{200}/", 201), asyncio.Event(), list[int]()
    alone = [(await engine.generate(ask, long, Sampling(1.5, seed=seed))).text for seed in range(ROWS + 3)]
    step = SharedCache.step

    def counted(self: SharedCache, fed: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
        together.append(len(fed))
        return step(self, fed, here)

    resting.set()
    with Background(resting).work():
        run = [asyncio.create_task(engine.generate(ask, long, Sampling(1.5, seed=seed))) for seed in range(ROWS + 2)]
    while engine._worker.decoded < ROWS:
        await asyncio.sleep(0.01)
    monkeypatch.setattr(SharedCache, "step", counted)
    person = await engine.generate(ask, long, Sampling(1.5, seed=ROWS + 2))
    seen = Counter(together)
    assert seen[1] > 0.9 * person.usage.completion_tokens  # alone in nearly all of its steps
    assert sum(seen.values()) - seen[1] < seen[1] / 2
    resting.clear()  # for good: people's turns go on, and ask nothing of the engine
    done = await asyncio.gather(*run)
    assert [one.text for one in [*done, person]] == alone
    assert all(one.own_seconds is not None and one.own_seconds < one.seconds / 2 for one in done)


async def test_what_stands_still_can_be_given_up_and_closed(engine: EmbeddedEngine, ask: list[Message]) -> None:
    long, short, resting = Grammar("start: /[a-z ]{800}/", 801), Grammar("start: /[a-z]{3}/", 4), asyncio.Event()
    resting.set()
    with Background(resting, 1e-6).work():
        run = [asyncio.create_task(engine.generate(ask, long, WILD)) for _ in range(ROWS)]
    while engine._worker.decoded < ROWS:
        await asyncio.sleep(0.01)
    resting.clear()  # its next share does not come before the end of this test
    for task in run[:2]:
        task.cancel()
    async with asyncio.timeout(20):
        while engine._worker.decoded > ROWS - 2:
            await asyncio.sleep(0.01)
        assert (await engine.generate(ask, short, WILD)).text
        assert not any(task.done() for task in run[2:])
        await engine.close()
    assert all(isinstance(one, BaseException) for one in await asyncio.gather(*run, return_exceptions=True))


async def test_when_others_come_and_go_does_not_change_a_text(
    engine: EmbeddedEngine, request_contract: type[Contract]
) -> None:
    asks = [[Message("user", f"{number} seats to Bali, please! " * (number % 7 + 1))] for number in range(3 * ROWS)]
    grammars = [compile_grammar(request_contract, said=[ask[0].content]) for ask in asks]
    samplings = [Sampling(row % 3 * 0.75, seed=row) for row in range(3 * ROWS)]
    alone = [await engine.generate(*each) for each in zip(asks, grammars, samplings, strict=True)]

    async def later(number: int) -> str:
        await asyncio.sleep(number * 0.02)
        return (await engine.generate(asks[number], grammars[number], samplings[number])).text

    together = await asyncio.gather(*[later(number) for number in range(3 * ROWS)])
    assert together == [completion.text for completion in alone]


async def test_a_long_prompt_is_read_in_pieces_and_others_go_on_meanwhile(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [Message("user", "a trip to Bali, please " * 60)]
    whole = await engine.generate(long, trip, WILD)
    assert whole.usage.prompt_tokens > 10 * 40
    monkeypatch.setattr("models.engines.lane.PIECE", 40)
    calls = [asyncio.create_task(engine.generate(each, trip, WILD)) for each in (ask, long)]
    first, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert first == {calls[0]}
    assert (await calls[1]).text == whole.text


async def test_each_request_of_a_batch_has_its_own_grammar(engine: EmbeddedEngine, ask: list[Message]) -> None:
    letters = "abcdefgh"
    grammars = [Grammar(f"start: /{letter}{{{n + 1},40}}/", 41) for n, letter in enumerate(letters)]
    completions = await asyncio.gather(*[engine.generate(ask, grammar, WILD) for grammar in grammars])
    for n, (letter, completion) in enumerate(zip(letters, completions, strict=True)):
        assert set(completion.text) == {letter}
        assert n < len(completion.text) <= 40


async def test_every_text_under_a_contract_is_a_value_of_it(
    engine: EmbeddedEngine, ask: list[Message], request_contract: type[Contract]
) -> None:
    grammar = compile_grammar(request_contract, said=[ask[-1].content])
    completions = await asyncio.gather(
        *[engine.generate(ask, grammar, Sampling(1.5, seed=seed)) for seed in range(2 * ROWS)]
    )
    for completion in completions:
        request_contract.model_validate_json(completion.text)


async def test_free_text_ends_at_its_bound(engine: EmbeddedEngine, ask: list[Message]) -> None:
    completion = await engine.generate(ask, None, Sampling(1.0), max_tokens=12)
    assert completion.finish_reason == "length"
    assert completion.usage.completion_tokens == 12
    assert "<|" not in completion.text


async def test_a_text_cut_inside_its_grammar_is_never_returned(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    with pytest.raises(ConstraintBroken, match="after 5 tokens"):
        await engine.generate(ask, Grammar(trip.lark, max_tokens=5), WILD)


async def test_the_longest_text_just_fits_its_budget(
    engine: EmbeddedEngine, ask: list[Message], longest: Grammar
) -> None:
    completion = await engine.generate(ask, longest, WILD)
    assert completion.finish_reason == "stop"
    assert completion.text == "\N{SNOWMAN}" * 30
    assert completion.usage.completion_tokens == longest.max_tokens
    with pytest.raises(ConstraintBroken, match="the budget ended"):
        await engine.generate(ask, Grammar(longest.lark, longest.max_tokens - 1), WILD)


async def test_a_text_is_whole_within_a_budget_given_beside_its_grammar_or_refused_before_it_begins(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    with pytest.raises(BudgetTooSmall, match=r"may take 3 tokens, and the shortest takes (\d+)") as caught:
        await engine.generate(ask, trip, WILD, max_tokens=3)
    least = int(re.findall(r"\d+", caught.value.what)[1])
    completion = await engine.generate(ask, trip, WILD, max_tokens=least)
    assert TRIP.fullmatch(completion.text)
    assert completion.usage.completion_tokens <= least


async def test_rows_under_one_grammar_do_not_share_their_place_in_it(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    for _ in range(2):  # the second time everything is compiled
        samplings = [Sampling(1.5, seed=seed) for seed in range(ROWS)]
        completions = await asyncio.gather(*[engine.generate(ask, trip, sampling) for sampling in samplings])
        assert all(TRIP.fullmatch(completion.text) for completion in completions)
        assert len({completion.text for completion in completions}) == ROWS


async def test_a_prompt_that_leaves_too_little_room_is_refused(engine: EmbeddedEngine, trip: Grammar) -> None:
    with pytest.raises(PromptTooLong, match=f"126, but embedded:models/random holds {CONTEXT}"):
        await engine.generate([Message("user", "z" * 3000)], trip, WILD)
    with pytest.raises(PromptTooLong):
        await engine.generate([Message("user", "Bali")], None, WILD, max_tokens=CONTEXT)


async def test_a_grammar_that_cannot_be_compiled_is_an_error_of_that_call_only(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    with pytest.raises(EngineError, match="cannot compile the grammar"):
        await engine.generate(ask, Grammar("start: nothing(", 10), WILD)
    assert TRIP.fullmatch((await engine.generate(ask, trip, WILD)).text)


async def test_a_caller_that_gives_up_disturbs_nobody(
    engine: EmbeddedEngine, ask: list[Message], trip: Grammar
) -> None:
    calls = [asyncio.create_task(engine.generate(ask, trip, Sampling(1.5, seed=n))) for n in range(3 * ROWS)]
    await asyncio.sleep(0.05)
    given_up = [call for call in calls[::2] if call.cancel()]
    assert given_up
    outcomes = dict(zip(calls, await asyncio.gather(*calls, return_exceptions=True), strict=True))
    for call, outcome in outcomes.items():
        if call in given_up:
            assert isinstance(outcome, asyncio.CancelledError)
        else:
            assert TRIP.fullmatch(outcome.text)  # type: ignore[union-attr]
    assert TRIP.fullmatch((await engine.generate(ask, trip, WILD)).text)


async def test_closing_ends_what_is_in_flight(random_model: Path, ask: list[Message]) -> None:
    engine = await EmbeddedEngine.open(random_model, "models/random")
    calls = [asyncio.create_task(engine.generate(ask, None, WILD, max_tokens=800)) for _ in range(2 * ROWS)]
    await asyncio.sleep(0.1)
    await asyncio.wait_for(engine.close(), 5)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, EngineUnavailable) for outcome in outcomes)
    with pytest.raises(EngineUnavailable, match="is closed"):
        await engine.generate(ask, None, WILD)


async def test_identity_is_the_hash_of_the_weights(engine: EmbeddedEngine, random_model: Path) -> None:
    weights = (random_model / "model.safetensors").read_bytes()
    assert engine.identity == f"sha256:{hashlib.sha256(weights).hexdigest()}"
    assert engine.name == "embedded:models/random"
    assert engine.profile.context == CONTEXT


async def test_logits_beyond_the_vocabulary_are_never_drawn(tmp_path: Path, ask: list[Message], trip: Grammar) -> None:
    engine = await EmbeddedEngine.open(build_random_model(tmp_path, unused=3000), "padded")
    completions = await asyncio.gather(*[engine.generate(ask, trip, Sampling(1.5, seed=n)) for n in range(ROWS)])
    await engine.close()
    assert all(TRIP.fullmatch(completion.text) for completion in completions)


async def test_forced_tokens_cost_no_forward_pass_and_change_no_text(random_model: Path) -> None:
    class Ticket(Contract):
        department: Literal["reservations", "refunds"]
        customer_sentiment: Literal["positive", "negative"]
        number_of_passengers: int = Field(ge=1, le=250)
        remark: str = Field(max_length=12)

    grammar = compile_grammar(Ticket)
    asks = [[Message("user", f"Case {number}: {'late ' * number}")] for number in range(2 * ROWS)]
    passes, texts = [], []
    for jumps in (True, False):
        engine = await EmbeddedEngine.open(random_model, "models/random")
        engine._worker.jumps = jumps
        forward, counted = engine._model.model.forward, Counter[str]()

        @wraps(forward)  # who calls it looks at its signature
        def count(*given: Any, forward: Any = forward, counted: Counter[str] = counted, **named: Any) -> Any:
            counted["passes"] += 1
            return forward(*given, **named)

        engine._model.model.forward = count
        completions = await asyncio.gather(*[engine.generate(ask, grammar, Sampling()) for ask in asks])
        texts.append([completion.text for completion in completions])
        passes.append(counted["passes"])
        await engine.close()
    assert texts[0] == texts[1]
    assert passes[0] < 0.5 * passes[1]


async def test_a_text_that_the_grammar_says_alone_takes_no_pass(engine: EmbeddedEngine, ask: list[Message]) -> None:
    class Only(Contract):
        the_only_possible_answer: Literal["forty-two"]

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the model was asked")

    forward, engine._model.model.forward = engine._model.model.forward, never
    try:
        completion = await engine.generate(ask, compile_grammar(Only), Sampling())
    finally:
        engine._model.model.forward = forward
    assert completion.text == '{"the_only_possible_answer":"forty-two"}'
    assert completion.usage.completion_tokens > 1
