"""A server as a process: killed, stopped, and visited by clients that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import select
import shutil
import signal
import socket
from pathlib import Path

import httpx
import pytest
from service_world import SSE, Process, begin, follow, frames, process, say


def client_of(server: Process) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, timeout=30)


async def test_a_killed_server_loses_no_question_and_no_event(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with client_of(server) as client:
            id = await begin(client)
            asked = await say(client, id, "A seat")
            before = [event["id"] for event in asked["events"]]
            server.kill()
    with process(tmp_path, server.port) as again:
        async with client_of(again) as client:
            shown = (await client.get(f"/conversations/{id}")).json()
            assert shown == asked["conversation"]
            assert await follow(client, id, before[1], before[-1]) == before[2:]
            told = await say(client, id, "back")
            after = [event["id"] for event in told["events"]]
            assert told["conversation"]["turns"][-1]["text"] == "Please take row back."
            assert await follow(client, id, before[-1], after[-1]) == after
    assert (tmp_path / "out" / "seats.txt").read_text() == "back\n"


async def test_a_copy_of_the_folder_of_a_service_that_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        async with client_of(server) as client:
            id = await begin(client)
            asked = await say(client, id, "A seat")
        server.stop()
    shutil.copytree(tmp_path / "out", tmp_path / "restored" / "out")
    with process(tmp_path / "restored") as again:
        async with client_of(again) as client:
            assert (await client.get(f"/conversations/{id}")).json() == asked["conversation"]
            assert (await say(client, id, "back"))["conversation"]["turns"][-1]["text"] == "Please take row back."
    assert not (tmp_path / "out" / "seats.txt").exists()


async def test_a_turn_that_a_kill_cut_short_comes_to_its_end_after_the_restart(tmp_path: Path) -> None:
    heard: list[int] = []
    with process(tmp_path) as server:
        async with client_of(server) as client:
            id = await begin(client)
            path = f"/conversations/{id}/messages"
            with pytest.raises(httpx.TransportError):  # noqa: PT012
                async with client.stream("POST", path, json={"text": "wait in the front"}, headers=SSE) as answer:
                    async for line in answer.aiter_lines():
                        heard += [int(line[4:])] if line.startswith("id: ") else []
                        if line == "event: step_started":
                            server.kill()
    (tmp_path / "out" / "door").touch()
    with process(tmp_path) as again:
        async with client_of(again) as client:
            while (shown := (await client.get(f"/conversations/{id}")).json())["state"] == "busy":
                await asyncio.sleep(0.02)
            rest = await follow(client, id, heard[-1], shown["last_event"])
            whole = await follow(client, id, 0, shown["last_event"])
    assert heard + rest == whole
    assert shown["turns"][-1]["text"] == "Please take row front."
    assert (tmp_path / "out" / "seats.txt").read_text() == "front\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_server_ends_its_streams_and_lets_turns_finish(tmp_path: Path, number: int) -> None:
    with process(tmp_path) as server:
        async with client_of(server) as client:
            id, other = await begin(client), await begin(client)
            path = f"/conversations/{id}/messages"
            idle = asyncio.create_task(client.get(f"/conversations/{other}/events", headers=SSE))
            turn = asyncio.create_task(client.post(path, json={"text": "wait in the front"}, headers=SSE))
            while (await client.get(f"/conversations/{id}")).json()["state"] != "busy":
                await asyncio.sleep(0.01)
            stopped = asyncio.create_task(asyncio.to_thread(server.stop, number))
            assert frames((await idle).text) == []
            (tmp_path / "out" / "door").touch()
            assert frames((await turn).text)[-1][1] == "turn_finished"
            assert await stopped == 0


async def test_a_turn_that_does_not_end_in_time_goes_on_after_the_restart(tmp_path: Path) -> None:
    with process(tmp_path, grace_seconds=0.5) as server:
        async with client_of(server) as client:
            id = await begin(client)
            path = f"/conversations/{id}/messages"
            turn = asyncio.create_task(client.post(path, json={"text": "wait in the front"}, headers=SSE))
            while (await client.get(f"/conversations/{id}")).json()["last_event"] < 3:
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(server.stop) == 0
            await asyncio.gather(turn, return_exceptions=True)
    (tmp_path / "out" / "door").touch()
    with process(tmp_path) as again:
        async with client_of(again) as client:
            while (shown := (await client.get(f"/conversations/{id}")).json())["state"] == "busy":
                await asyncio.sleep(0.02)
    assert shown["turns"][-1]["text"] == "Please take row front."


async def test_clients_that_behave_badly_are_cut_off_and_harm_nobody(tmp_path: Path) -> None:
    with process(tmp_path, unread_seconds=0.5) as server, contextlib.ExitStack() as sockets:
        mute, deaf, hasty = (sockets.enter_context(socket.socket()) for _ in range(3))
        for one in (mute, deaf, hasty):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", server.port))
            one.settimeout(20)
        deaf.sendall(ASKING * 15)
        with contextlib.suppress(ConnectionError):
            hasty.sendall(ASKING * 1_000)
        async with client_of(server) as client:
            id = await begin(client)
            big = await client.post(f"/conversations/{id}/messages", json={"text": "x" * (10 << 20)})
            assert big.status_code == 413
            for text in ("in the front", "and in the front"):
                assert (await say(client, id, text))["events"][-1]["status"] == "completed"
        assert [await asyncio.to_thread(_is_cut_off, one) for one in (mute, deaf, hasty)] == [True] * 3


ASKING = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _is_cut_off(connection: socket.socket) -> bool:
    """Whether the server ends a connection of which nothing is read."""
    ended = select.poll()
    ended.register(connection, select.POLLRDHUP)
    return bool(ended.poll(20_000))
