from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engines.load import Load, load_of, read_load
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineError, EngineUnavailable
from pipeline.runtime.concurrency import MOST, START, ConcurrencyLimit

BUSY, QUEUE = Load(40, 3), Load(40, 30)


def calm(*levels: int) -> list[Load]:
    """Two looks at servers that run all there is, for each of these levels in turn."""
    return [Load(level, 0) for level in levels for _ in range(2)]


CALM = calm(16)[0]

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a model"} 5.0
vllm:num_requests_running{engine="1",model_name="a model"} 7.0
vllm:num_requests_waiting{engine="0",model_name="a model"} 4.0
vllm:num_requests_waiting{engine="1",model_name="a model"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="a model",reason="capacity"} 4.0
"""


def test_the_load_is_read_over_all_engines_of_a_server() -> None:
    assert read_load(METRICS) == Load(12, 5)


@pytest.mark.parametrize("text", ["", "python_gc_objects_collected_total 12.0\n", "vllm:num_requests_running 3.0\n"])
def test_metrics_of_another_kind_are_no_load(text: str) -> None:
    assert read_load(text) is None


class Script:
    """What the servers say, one answer for each look; when it has ended, the looks wait for ever."""

    def __init__(self, *answers: Load | EngineError | None) -> None:
        self._answers = iter(answers)
        self.ended = asyncio.Event()

    async def __call__(self) -> Load | None:
        for answer in self._answers:
            if isinstance(answer, EngineError):
                raise answer
            return answer
        self.ended.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def level_after(*answers: Load | EngineError | None, taken: int = MOST, start: int = START) -> ConcurrencyLimit:
    """The level after these looks, while `taken` records want a slot each and keep it."""
    script = Script(*answers)
    level = ConcurrencyLimit(start, script, period=0)
    tasks = [asyncio.create_task(keep(level)) for _ in range(taken)]
    await asyncio.sleep(0)
    async with level:
        await script.ended.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return level


async def keep(level: ConcurrencyLimit) -> None:
    async with level.slot():
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        (calm(16), 32),
        (calm(16, 32, 64), 128),
        (calm(*range(16, MOST, 16)), MOST),
        ([BUSY] * 6, 16),
        ([*calm(16, 32), *[BUSY] * 2, *calm(64, 68)], 72),  # 16, 32, 64, a queue, and now by a sixteenth
        (calm(16, 16, 16), 32),  # twice as many in flight did not keep the servers busier
        (calm(8, 8, 9, 8, 10, 11), 64),
        ([QUEUE] * 2, 14),
        ([Load(40, 6), Load(40, 0), Load(60, 0), Load(60, 6)], 64),  # a burst is no queue
        ([Load(80, 4, servers=2)] * 2, 32),
        ([Load(80, 5, servers=2)] * 2, 16),
        ([Load(8, 1, servers=2)] * 2, 32),
        ([Load(8, 4, servers=2)] * 2, 16),
        ([CALM, EngineUnavailable("The server is away."), CALM], 16),
        ([EngineUnavailable("The server is away."), CALM, CALM], 32),
    ],
)
async def test_the_level_follows_the_queues(looks: list[Load | EngineError], found: int) -> None:
    assert (await level_after(*looks)).now == found


async def test_it_does_not_grow_when_there_are_no_records_for_more() -> None:
    assert (await level_after(*calm(16, 32, 64), taken=START - 1)).now == START


async def test_it_falls_again_only_when_as_few_are_in_flight() -> None:
    assert (await level_after(*[QUEUE] * 20)).now == 14
    assert (await level_after(*[QUEUE] * 20, taken=12)).now == 11
    assert (await level_after(*[QUEUE] * 60, taken=0)).now == 1


async def until_told(level: ConcurrencyLimit, told: list[str]) -> str:
    async with level:
        while not told:
            await asyncio.sleep(0)
    return told[0]


async def test_servers_that_do_not_tell_leave_the_level_where_it_is() -> None:
    told: list[str] = []
    level = ConcurrencyLimit(START, Script(None), told.append)
    assert await until_told(level, told) == ("The concurrency stays at 16: the engine does not say how busy it is.")
    assert level.now == START


async def test_servers_that_refuse_to_tell_leave_the_level_where_it_is() -> None:
    told: list[str] = []
    assert await until_told(ConcurrencyLimit(5, Script(EngineError("No entry.")), told.append), told) == (
        "The concurrency stays at 5: No entry."
    )


async def test_it_tells_where_it_goes_but_not_every_step() -> None:
    told: list[str] = []
    script = Script(*calm(16, 32), *[BUSY] * 2, *calm(64, *[80] * 9))
    level = ConcurrencyLimit(START, script, told.append, period=0)
    tasks = [asyncio.create_task(keep(level)) for _ in range(200)]
    await asyncio.sleep(0)
    async with level:
        await script.ended.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert told == [
        "Concurrency 32: 16 requests are being served, 0 wait at the server.",
        "Concurrency 64: 32 requests are being served, 0 wait at the server.",
        "Concurrency 100: 80 requests are being served, 0 wait at the server.",
    ]


async def test_a_fault_of_the_keeper_is_not_kept_quiet() -> None:
    async def broken() -> Load | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with ConcurrencyLimit(START, broken):
            await asyncio.sleep(0)


async def test_a_fixed_level_lets_as_many_in_and_no_more() -> None:
    level, inside, most = ConcurrencyLimit(3), 0, 0

    async def record() -> None:
        nonlocal inside, most
        async with level.slot():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with level:
        await asyncio.gather(*[record() for _ in range(20)])
    assert (most, inside, level.most) == (3, 0, 3)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_whatever_the_level_does_it_is_kept_and_no_slot_is_lost(seed: int, start: int) -> None:
    async def live() -> None:
        draw = random.Random(seed)
        script = Script(*[draw.choice([CALM, BUSY, QUEUE]) for _ in range(60)])
        level = ConcurrencyLimit(start, script, period=0)
        inside = 0

        async def record() -> None:
            nonlocal inside
            async with level.slot():
                inside += 1
                assert inside <= level.now  # later it may be lower, and those inside finish
                try:
                    for _ in range(draw.randrange(8)):
                        await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(record()) for _ in range(120)]
        async with level:
            for task in draw.sample(tasks, 30):
                await asyncio.sleep(0)
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await script.ended.wait()
        assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
        found = level.now
        holders = [asyncio.create_task(keep(level)) for _ in range(found + 5)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert level._taken == found
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)

    asyncio.run(live())


class BatchServer:
    """A server that decodes up to `room` requests in steps, and lets those that wait in as others end.

    Like vLLM it counts when a step was planned: what comes in during a step is not counted before the next.
    """

    def __init__(self, room: int) -> None:
        self.load = Load(0, 0)
        self._room = room
        self._draw = random.Random(room)
        self._running: dict[asyncio.Future[None], int] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def serve(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        await done

    async def decode(self) -> None:
        while True:
            for done, left in list(self._running.items()):
                if left:
                    self._running[done] = left - 1
                else:
                    del self._running[done]
                    done.set_result(None)
            while self._waiting and len(self._running) < self._room:
                self._running[self._waiting.popleft()] = self._draw.randint(5, 15)
            self.load = Load(len(self._running), len(self._waiting))
            await turns(10)  # a step takes longer than a client that sends its next request


async def turns(count: int) -> None:
    """Let everybody else go on, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("room", [2, 20, 150])
async def test_it_finds_the_level_at_which_a_server_is_full_and_its_queue_short(room: int) -> None:
    server, looks = BatchServer(room), []

    async def load() -> Load:
        await turns(100)  # ten steps: in two looks every level has shown its effect
        looks.append(server.load)
        return looks[-1]

    level, left = ConcurrencyLimit(START, load, period=0), iter(range(100 * room))

    async def worker() -> None:
        while True:
            async with level.slot():
                if next(left, None) is None:
                    return
                await server.serve()

    decoding = asyncio.create_task(server.decode())
    async with level:
        await asyncio.gather(*[worker() for _ in range(level.most)])
    decoding.cancel()
    settled = looks[len(looks) // 2 : -len(looks) // 8]
    assert len(settled) > 30
    assert sum(look.running for look in settled) >= 0.97 * room * len(settled)
    assert sum(look.waiting for look in settled) <= max(3, room / 6) * len(settled)


async def test_a_real_server_tells_its_load(vllm_url: str) -> None:
    engine = await VllmEngine.open(vllm_url)
    assert await load_of(engine) == Load(0, 0)
    await engine.close()
