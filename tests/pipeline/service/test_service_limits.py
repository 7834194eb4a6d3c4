"""Too much: too large, too often, too many at once, too slow. Told at once, and nobody else is harmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from service_world import QUICK, SSE, begin, hall, say, sentence

from pipeline.service.limits import MOST_CLIENTS, Buckets

MEGABYTE = b"x" * (1 << 20)


async def test_ten_megabytes_are_too_many_however_they_are_sent(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield MEGABYTE

    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path = f"/conversations/{id}/messages"
        for content in (MEGABYTE * 10, pieces()):
            answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert "1,048,576 bytes" in sentence(answer)
        assert (await say(client, id, "in the front"))["conversation"]["state"] == "open"


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, rate=0.5, burst=3)) as (client, _):
        answers = [await client.get("/app") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert "more requests" in sentence(answers[-1])
        assert (await client.get("/healthz")).status_code == 200


async def test_tokens_are_counted_each_for_itself(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, rate=0.5, burst=2), tokens="user:alice-token user:bob-token") as (
        client,
        _,
    ):
        counts = {}
        for token in ("alice-token", "bob-token", "wrong", "wrong too"):
            headers = {"Authorization": f"Bearer {token}"}
            counts[token] = [(await client.get("/v1/models", headers=headers)).status_code for _ in range(3)]
        assert counts["alice-token"] == counts["bob-token"] == [200, 200, 429]
        assert counts["wrong"] == [401, 401, 429]
        assert counts["wrong too"] == [429, 429, 429]


async def test_more_turns_than_are_worked_on_at_once_are_turned_away_at_once(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, turns=1)) as (client, _):
        busy, other = await begin(client), await begin(client)
        path = f"/conversations/{busy}/messages"
        async with client.stream("POST", path, json={"text": "wait in the front"}, headers=SSE) as answer:
            assert answer.status_code == 200
            full = await client.post(f"/conversations/{other}/messages", json={"text": "in the front"})
            assert full.status_code == 429
            assert full.headers["retry-after"] == "1"
            (tmp_path / "out" / "door").touch()
            await answer.aread()
        assert (await say(client, other, "in the front"))["conversation"]["state"] == "open"


async def test_one_token_leaves_room_for_others(tmp_path: Path) -> None:
    """Of what all share a token has seven eighths at most: messages worked on, and streams."""
    alice, bob = ({"Authorization": f"Bearer {name}-token"} for name in ("alice", "bob"))
    tokens = "user:alice-token user:bob-token"
    async with hall(tmp_path, replace(QUICK, turns=8, streams=8, turn_seconds=0.05), tokens=tokens) as (client, _):
        for _ in range(7):
            path = f"/conversations/{await begin(client, **alice)}/messages"
            assert (await client.post(path, json={"text": "wait"}, headers=alice)).status_code == 504
        path = f"/conversations/{await begin(client, **alice)}/messages"
        more = await client.post(path, json={"text": "wait"}, headers=alice)
        assert more.status_code == 429
        assert "7 messages of one token" in sentence(more)
        path = f"/conversations/{(id := await begin(client, **bob))}"
        assert (await client.post(f"{path}/messages", json={"text": "wait"}, headers=bob)).status_code == 504
        async with AsyncExitStack() as stack:
            for _ in range(7):
                stream = client.stream("GET", f"/conversations/{id}/events", headers={**SSE, **bob})
                assert (await stack.enter_async_context(stream)).status_code == 200
            assert (await client.get(f"/conversations/{id}/events", headers={**SSE, **bob})).status_code == 429
            path = f"/conversations/{await begin(client, **alice)}/events"
            other = client.stream("GET", path, headers={**SSE, **alice})
            assert (await stack.enter_async_context(other)).status_code == 200
        (tmp_path / "out" / "door").touch()


async def test_more_streams_than_there_is_room_for_are_turned_away(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, streams=1)) as (client, service):
        id = await begin(client)
        path = f"/conversations/{id}/events"
        async with client.stream("GET", path, headers=SSE) as answer:
            lines = answer.aiter_lines()  # kept: the stream is closed with it
            assert await anext(lines) == ": "
            assert (await client.get(path, headers=SSE)).status_code == 429
        while service.streams.taken:
            await asyncio.sleep(0.01)
        async with client.stream("GET", path, headers=SSE) as answer:
            assert answer.status_code == 200


async def test_a_body_that_does_not_arrive_is_given_up(tmp_path: Path) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b'{"te'
        await asyncio.sleep(0.5)

    async with hall(tmp_path, replace(QUICK, body_seconds=0.1)) as (client, _):
        id = await begin(client)
        headers = {"Content-Type": "application/json"}
        answer = await client.post(f"/conversations/{id}/messages", content=stuck(), headers=headers)
        assert answer.status_code == 408
        assert sentence(answer)


def test_a_bucket_is_refilled_as_time_passes() -> None:
    now = 100.0
    buckets = Buckets(2.0, 3, lambda: now)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b") == 0.0
    now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0.0
    now += 100.0
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_only_so_many_clients_are_remembered() -> None:
    buckets = Buckets(0.001, 1, lambda: 0.0)
    for number in range(MOST_CLIENTS + 1):
        buckets.take(str(number))
    assert buckets.take("0") == 0.0, "the first one was to be forgotten"
    assert buckets.take(str(MOST_CLIENTS)) > 0.0
