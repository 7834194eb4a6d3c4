"""One client that nobody knows, with any number of connections that ask nothing whole: it costs others nothing."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from service_world import Process, begin, process, say

WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nX: "
HEADERS = b"".join(b"a%06d: b\r\n" % number for number in range(5_000))
CHUNKED = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTE = 1 << 20


@contextlib.contextmanager
def connected(server: Process, count: int, then: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections of which each has had the answer to a first request, and has sent this since."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            one.sendall(WHOLE)
            answer = b""
            while not answer.endswith(b"}"):  # head and body may come apart
                answer += one.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            one.sendall(then)
            sockets.append(one)
        yield sockets


def memory(server: Process) -> int:
    """Its bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def is_cut_off(connection: socket.socket, seconds: float) -> bool:
    ended = select.poll()
    ended.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return bool(ended.poll(int(seconds * 1_000)))


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", HEADERS),
        (HALF, b"x" * 50_000),
        (b"GET /", b"x" * 50_000),
        (b"\r\n", b"\r\n" * 25_000),
        (CHUNKED + b"0\r\n", HEADERS),
        (CHUNKED + b"1;", b"x" * 50_000),
    ],
    ids=["headers", "one header", "one path", "empty lines", "trailers", "one chunk's extension"],
)
async def test_what_stands_around_a_body_has_an_end(tmp_path: Path, begins: bytes, goes_on: bytes) -> None:
    def flood(server: Process) -> int:
        """How much of 60 megabytes a server takes."""
        with connected(server, 1) as (one,):
            sent = 0
            with contextlib.suppress(ConnectionError):
                one.sendall(begins)
                while sent < 60 * MEGABYTE:
                    one.sendall(goes_on)
                    sent += len(goes_on)
            return sent

    with process(tmp_path) as server:
        before = memory(server)
        assert await asyncio.to_thread(flood, server) < 8 * MEGABYTE  # what the kernel's buffers hold
        assert memory(server) < before + 20 * MEGABYTE
        assert httpx.get(f"{server.url}/healthz").status_code == 200


async def test_a_hundred_fields_are_enough(tmp_path: Path) -> None:
    begins = WHOLE.removesuffix(b"\r\n")
    with process(tmp_path) as server, connected(server, 2) as (usual, odd):
        usual.sendall(begins + b"a: b\r\n" * 90 + b"\r\n")
        assert usual.recv(4096).startswith(b"HTTP/1.1 200")
        odd.sendall(begins + b"a: b\r\n" * 100 + b"\r\n")
        assert await asyncio.to_thread(is_cut_off, odd, 10)


async def test_whoever_does_not_finish_a_later_request_is_cut_off_as_with_the_first(tmp_path: Path) -> None:
    unread = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx"
    with process(tmp_path, unread_seconds=0.5) as server, connected(server, 3) as sockets:
        for one, text in zip(sockets, (HALF, unread, CHUNKED + b"1\r\nx\r\n"), strict=True):
            one.sendall(text)
        assert [await asyncio.to_thread(is_cut_off, one, 15) for one in sockets] == [True] * 3


async def test_a_thousand_that_wait_leave_room_for_others_whatever_the_soft_limit_is(tmp_path: Path) -> None:
    with process(tmp_path, files=256) as server, connected(server, 300, HALF):
        started = time.monotonic()
        async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
            told = await say(client, await begin(client), "in the front")
        assert told["conversation"]["state"] == "open"
        assert time.monotonic() - started < 10


async def test_of_too_many_connections_the_one_that_has_asked_nothing_for_longest_makes_room(tmp_path: Path) -> None:
    with process(tmp_path, connections=10) as server, connected(server, 10, HALF) as sockets:
        async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
        assert await asyncio.to_thread(is_cut_off, sockets[0], 5)
        assert not await asyncio.to_thread(is_cut_off, sockets[-1], 0.1)
