"""What is asked of the model itself: no format and no number of calls stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import process

from pipeline.completions.options import EMBEDDINGS, TEXT
from pipeline.completions.trial import Trial
from pipeline.service import Limits
from pipeline.service.calls import Calls
from pipeline.service.errors import ApiError

FREE = {"model": "any", "prompt": "x"}
KNOT = "start: T\nT: " + " & ".join(f"/.*a{number}.*/" for number in range(100))
CHAIN = "start: r0\n" + "\n".join(f'r{number}: "a" r{number + 1}' for number in range(5_000)) + '\nr5000: "b"'


@pytest.fixture
def calls() -> Iterator[Calls]:
    calls = Calls(Limits(turns=8, concurrency=2), Trial())
    yield calls
    calls.close()


async def test_a_format_that_would_end_the_service_or_keep_it_busy_is_refused(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:

            def ask(grammar: str) -> asyncio.Task[httpx.Response]:
                body: dict[str, Any] = {**FREE, "structured_outputs": {"grammar": grammar}}
                return asyncio.create_task(client.post("/v1/completions", json=body))

            asked = ask(KNOT)
            await asyncio.sleep(0.5)
            assert (await client.get("/app")).status_code == 200
            assert not asked.done()  # others are answered meanwhile
            for answer in (await asked, await ask(CHAIN)):
                assert answer.status_code == 400
                assert answer.json()["error"]["param"] == "structured_outputs"
            assert (await client.get("/app")).status_code == 200


async def test_one_tokens_calls_leave_room_for_others(calls: Calls) -> None:
    async with AsyncExitStack() as under_way:
        for _ in range(2):
            await under_way.enter_async_context(calls.served("@ann"))
        waiting = [asyncio.create_task(_serve(calls, "@ann")) for _ in range(5)]
        await asyncio.sleep(0.01)
        with pytest.raises(ApiError, match="7 calls of the model are being worked on with one token") as refused:
            await calls.read("@ann", TEXT, FREE)
        assert refused.value.status == 429
        other = asyncio.create_task(_serve(calls, "@bob"))
        await asyncio.sleep(0.01)
        with pytest.raises(ApiError, match="8 calls of the model are"):
            await calls.read("@eve", EMBEDDINGS, {"model": "any", "input": "x"})
        assert not other.done()
    done, _ = await asyncio.wait([other, *waiting], return_when=asyncio.FIRST_COMPLETED)
    assert other in done
    await asyncio.gather(*waiting)
    assert (await calls.read("@ann", TEXT, FREE)).messages[0].content == "x"


async def _serve(calls: Calls, owner: str) -> None:
    async with calls.served(owner):
        await asyncio.sleep(0.01)
