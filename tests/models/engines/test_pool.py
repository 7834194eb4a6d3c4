from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Body, Reply, ScriptedServer, refuses, says

from models.engines.engine import Canary, Completion, Enforcement, Message, Sampling, Usage
from models.engines.load import Load
from models.engines.open_engine import open_engine
from models.engines.pool import LONGEST_WAIT, Pool
from models.engines.profiles import Profile
from models.errors import EngineError, EngineUnavailable, ModelNotFound, PromptTooLong
from models.grammar.grammar import Grammar

WORD = Grammar("start: /[a-z]{3,5}/", 6)
PASSED = Canary(True, "", 0.5)


class Parrot:
    """An engine that repeats the last message, and is away, busy or fails as it is told."""

    def __init__(self, fault: EngineError | None = None, busy: Load | None = None) -> None:
        self.name = "parrot"
        self.profile = Profile("parrot", context=1000)
        self.identity = "sha256:0"
        self.enforcement: Enforcement = "grammar"
        self.canary: Canary | None = PASSED
        self.fault = fault
        self.busy = busy
        self.calls = 0
        self.closed = False
        self.free = asyncio.Event()
        self.free.set()

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        self.calls += 1
        await self.free.wait()
        if self.fault is not None:
            raise self.fault
        return Completion(messages[-1].content, "stop", Usage(1, 1), 0.0)

    async def load(self) -> Load | None:
        if self.fault is not None:
            raise self.fault
        return self.busy

    async def close(self) -> None:
        self.closed = True
        if self.fault is not None:
            raise self.fault


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def gone(name: str = "parrot") -> EngineUnavailable:
    return EngineUnavailable(f"{name} is away.")


def said(system: str, text: str = "hello") -> list[Message]:
    return [Message("system", system), Message("user", text)]


async def call(pool: Pool, system: str = "repeat", text: str = "hello") -> str:
    return (await pool.generate(said(system, text), WORD, Sampling())).text


async def held(pool: Pool, parrots: Sequence[Parrot], systems: Sequence[str]) -> list[int]:
    """How many calls each engine has when all are under way at once; afterwards every one is answered."""
    before = [parrot.calls for parrot in parrots]
    for parrot in parrots:
        parrot.free.clear()
    calls = [asyncio.create_task(call(pool, system, str(number))) for number, system in enumerate(systems)]
    await asyncio.sleep(0)
    spread = [parrot.calls - was for parrot, was in zip(parrots, before, strict=True)]
    for parrot in parrots:
        parrot.free.set()
    assert await asyncio.gather(*calls) == [str(number) for number in range(len(systems))]
    return spread


def test_a_pool_closes_only_if_every_engine_does() -> None:
    closing, not_closing = Parrot(), Parrot()
    closing.closes = True  # type: ignore[attr-defined]
    assert Pool([closing]).closes
    assert not Pool([closing, not_closing]).closes


async def test_calls_that_share_nothing_are_spread_evenly() -> None:
    parrots = [Parrot(), Parrot(), Parrot()]
    assert await held(Pool(parrots), parrots, [f"prompt {number}" for number in range(12)]) == [4, 4, 4]


async def test_a_prompt_stays_where_it_was_served_while_that_engine_is_little_busier() -> None:
    parrots = [Parrot(), Parrot()]
    pool = Pool(parrots)
    await held(pool, parrots, ["translate", "summarise"])  # one each
    assert await held(pool, parrots, ["summarise"] * 3) == [0, 3]
    assert await held(pool, parrots, ["translate"] * 3) == [3, 0]
    for _ in range(5):
        await call(pool, "summarise")
    assert [parrot.calls for parrot in parrots] == [4, 9]


async def test_a_prompt_of_everybody_is_served_by_everybody() -> None:
    parrots = [Parrot(), Parrot()]
    pool = Pool(parrots)
    await call(pool)
    first, second = await held(pool, parrots, ["repeat"] * 100)
    assert first + second == 100
    assert second < first <= second * 1.25 + 3
    assert await held(pool, parrots, ["repeat"] * 100) == [50, 50]  # both know it now


async def test_an_engine_that_fails_at_once_does_not_draw_all_calls_to_itself() -> None:
    parrots = [Parrot(EngineError("It sent something else.")), Parrot()]
    pool = Pool(parrots)
    for number in range(20):
        assert await call(pool, str(number)) == "hello"
    assert parrots[0].calls == 1
    parrots[1].fault = EngineError("So did this one.")
    with pytest.raises(EngineError, match="this one") as caught:
        await call(pool)
    assert type(caught.value) is EngineError


async def test_when_an_engine_goes_away_the_others_take_its_calls() -> None:
    parrots = [Parrot(), Parrot()]
    pool = Pool(parrots)
    tasks = [asyncio.create_task(call(pool, text=str(number))) for number in range(10)]
    for parrot in parrots:
        parrot.free.clear()
    await asyncio.sleep(0)
    parrots[0].fault = gone()
    for parrot in parrots:
        parrot.free.set()
    assert await asyncio.gather(*tasks) == [str(number) for number in range(10)]
    parrots[0].calls = 0
    for _ in range(10):
        await call(pool)
    assert parrots[0].calls == 0


async def test_an_engine_set_aside_is_tried_by_one_call_after_a_wait_that_grows_to_a_bound() -> None:
    clock, parrots = Clock(), [Parrot(gone()), Parrot()]
    pool = Pool(parrots, clock=clock)
    tried = []
    for second in range(200):
        clock.now = float(second)
        for number in range(3):
            before = parrots[0].calls
            await call(pool, f"prompt {second} {number}")
            tried += [second] * (parrots[0].calls - before)
    assert tried[:6] == [0, 1, 3, 7, 15, 31]
    assert {later - earlier for earlier, later in pairwise(tried[5:])} == {LONGEST_WAIT}


async def test_one_call_alone_finds_out_whether_an_engine_is_back() -> None:
    clock, parrots = Clock(), [Parrot(gone()), Parrot()]
    pool = Pool(parrots, clock=clock)
    await call(pool)
    parrots[0].fault = None
    assert await held(pool, parrots, [f"too early {number}" for number in range(4)]) == [0, 4]
    clock.now = 1.0
    assert await held(pool, parrots, [f"one of these {number}" for number in range(6)]) == [1, 5]
    assert await held(pool, parrots, [f"it is back {number}" for number in range(6)]) == [3, 3]


async def test_many_calls_that_fail_together_are_one_absence() -> None:
    clock, parrots = Clock(), [Parrot(), Parrot()]
    pool = Pool(parrots, clock=clock)
    parrots[0].free.clear()
    tasks = [asyncio.create_task(call(pool, f"prompt {number}")) for number in range(40)]
    await asyncio.sleep(0)
    parrots[0].fault = gone()
    parrots[0].free.set()
    await asyncio.gather(*tasks)
    parrots[0].fault = None
    clock.now = 1.0
    before = parrots[0].calls
    await call(pool, "afterwards")
    assert parrots[0].calls == before + 1


async def test_only_when_every_engine_is_gone_the_caller_hears_of_it() -> None:
    pool = Pool(parrots := [Parrot(gone("one")), Parrot(gone("two"))], ["http://a", "http://b"])
    with pytest.raises(EngineUnavailable) as caught:
        await call(pool)
    assert caught.value.what == "None of the servers of parrot answers. http://a: one is away. http://b: two is away."
    parrots[1].fault = None
    assert await call(pool) == "hello"  # before its time: nobody else is left


async def test_an_engine_that_lost_its_model_is_gone_as_well() -> None:
    pool = Pool(parrots := [Parrot(ModelNotFound("There is no parrot.")), Parrot()])
    assert [await call(pool, f"prompt {number}") for number in range(3)] == ["hello"] * 3
    assert [parrot.calls for parrot in parrots] == [1, 3]


async def test_what_is_wrong_with_a_call_is_not_tried_elsewhere() -> None:
    pool = Pool(parrots := [Parrot(PromptTooLong("The prompt is too long.")), Parrot()])
    with pytest.raises(PromptTooLong):
        await call(pool)
    assert [parrot.calls for parrot in parrots] == [1, 0]


async def test_a_call_given_up_leaves_no_trace() -> None:
    parrots = [Parrot(), Parrot()]
    pool = Pool(parrots)
    parrots[0].free.clear()
    task = asyncio.create_task(call(pool, "given up"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await held(pool, parrots, [f"prompt {number}" for number in range(6)]) == [3, 3]


@given(st.lists(st.tuples(st.sets(st.integers(0, 2)), st.integers(0, 40), st.integers(0, 3)), max_size=30))
def test_every_call_is_answered_whenever_an_engine_is_there(history: list[tuple[set[int], int, int]]) -> None:
    async def live() -> None:
        clock, parrots = Clock(), [Parrot(), Parrot(), Parrot()]
        pool = Pool(parrots, clock=clock)
        for away, seconds, prompt in history:
            clock.now += seconds
            for number, parrot in enumerate(parrots):
                parrot.fault = gone() if number in away else None
            calls = [call(pool, f"prompt {prompt}", str(number)) for number in range(4)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            if len(away) < 3:
                assert answers == ["0", "1", "2", "3"]
            else:
                assert {type(answer) for answer in answers} == {EngineUnavailable}

    asyncio.run(live())


def test_it_is_what_its_engines_are() -> None:
    small, large = Parrot(), Parrot()
    small.profile = replace(small.profile, context=600)
    pool = Pool([large, small])
    assert (pool.name, pool.identity, pool.enforcement) == ("parrot", "sha256:0", "grammar")
    assert pool.profile == small.profile
    assert pool.canary == PASSED
    small.canary = None
    assert pool.canary is None
    small.canary, small.enforcement = Canary(False, "It said hello.", 2.0), "prompted"
    assert pool.canary == Canary(False, "engine 2 (parrot): It said hello.", 2.0)
    assert pool.enforcement == "prompted"


def test_engines_that_differ_make_no_pool() -> None:
    other = Parrot()
    other.identity = "sha256:1"
    with pytest.raises(ModelNotFound) as model:
        Pool([Parrot(), Parrot(), other], ["http://a", "http://b", "http://c"])
    assert model.value.what == ("http://a and http://c do not serve the same model: 'sha256:0' and 'sha256:1'.")
    other.identity, other.profile = "sha256:0", replace(other.profile, thinks=True)
    with pytest.raises(EngineError, match=r"^engine 1 \(parrot\) and engine 2 \(parrot\) .* trusted with different"):
        Pool([Parrot(), other])
    with pytest.raises(ValueError, match="at least one"):
        Pool([])


async def test_every_engine_is_closed_even_where_one_fails_to() -> None:
    parrots = [Parrot(gone()), Parrot()]
    with pytest.raises(EngineUnavailable):
        await Pool(parrots).close()
    assert all(parrot.closed for parrot in parrots)


async def test_its_load_is_that_of_the_engines_that_answer() -> None:
    assert await Pool([Parrot(busy=Load(3, 1)), Parrot(busy=Load(4, 0))]).load() == Load(7, 1, servers=2)
    assert await Pool([Parrot(busy=Load(3, 1)), Parrot(gone())]).load() == Load(3, 1)
    assert await Pool([Parrot(), Parrot()]).load() is None
    with pytest.raises(EngineUnavailable):
        await Pool([Parrot(gone()), Parrot(gone())]).load()


def honest(body: Body) -> Reply:
    """Proves its enforcement when it is asked to, and says "wren" otherwise."""
    grammar = body["structured_outputs"]["grammar"]
    if "alive" not in grammar:
        return says("wren")
    code = re.search(r"[0-9a-f]{16}", grammar)
    assert code is not None
    return says(f'{{"code": "{code[0]}", "count": 42, "alive": true}}')


async def test_a_server_that_dies_in_mid_run_costs_no_call() -> None:
    with ExitStack() as first, ScriptedServer(honest) as second:
        dying = first.enter_context(ScriptedServer(honest))
        async with open_engine(f"{dying.url}, {second.url}/v1") as engine:
            assert engine.name == "vllm:scripted"
            assert engine.canary is not None
            assert engine.canary.passed
            assert len(dying.requests) == len(second.requests) == 1
            answers = []
            for round in range(6):
                calls = [engine.generate(said(f"prompt {number}"), WORD, Sampling()) for number in range(10)]
                if round == 2:  # with some calls on the wire
                    tasks = [asyncio.create_task(call) for call in calls]
                    await asyncio.to_thread(first.close)
                    answers += await asyncio.gather(*tasks)
                else:
                    answers += await asyncio.gather(*calls)
    assert Counter(answer.text for answer in answers) == {"wren": 60}
    assert len(dying.requests) > 10
    assert len(second.requests) > 30


async def opens(model: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        async with open_engine(model):
            pass
    return caught.value


async def test_every_server_has_to_answer_at_the_start() -> None:
    with ScriptedServer(honest) as server:
        error = await opens(f"{server.url},http://127.0.0.1:9")
        assert type(error) is EngineUnavailable
        assert error.what.startswith(
            f"http://127.0.0.1:9 cannot be used beside {server.url}: The server at http://127.0.0.1:9 does not answer"
        )


async def test_a_server_that_does_not_enforce_is_named() -> None:
    with ScriptedServer(honest) as server, ScriptedServer([says("Sure!")] * 2) as other:
        assert f"{other.url} cannot be used beside {server.url}: The engine" in str(
            await opens(f"{server.url},{other.url}")
        )
        async with open_engine(f"{server.url},{other.url}", enforcement="prompted") as engine:
            assert engine.enforcement == "prompted"
            assert engine.canary is not None
            assert engine.canary.reason.startswith(f"{other.url}: ")


async def test_servers_of_different_models_are_refused() -> None:
    with ScriptedServer(honest) as server, ScriptedServer(honest, model="other") as other:
        error = await opens(f"{server.url},{other.url}")
        assert type(error) is ModelNotFound
        assert f"{server.url} and {other.url} do not serve the same model: 'scripted@" in error.what


async def test_addresses_are_read_with_care() -> None:
    assert "http://a:1/v1 is given twice." in str(await opens("http://a:1/v1,http://b:1,http://a:1"))
    assert "models/tiny is not an address." in str(await opens("http://a:1,models/tiny"))
    with ScriptedServer(honest) as server:
        async with open_engine(f"{server.url},") as engine:
            assert engine.name == "vllm:scripted"


async def test_a_server_that_does_not_count_has_no_load() -> None:
    with ScriptedServer([refuses(500, "unused")]) as server:
        from models.engines.vllm.engine import VllmEngine

        engine = await VllmEngine.open(server.url)
        assert await engine.load() is None
        await engine.close()
