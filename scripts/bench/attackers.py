"""Attackers: what one client does to a server to keep others out, over real sockets, in a process of its own.

Each begins anew whatever the server cuts off. Knows HTTP's bytes; measures nothing (attack.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from pipeline.chat.dialogues import LONGEST
from scripts.bench.load_clients import Line

LONG_TEXTS = 64
"""At once, of one token."""
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "
HEADERS = b"".join(b"a%06d: b\r\n" % number for number in range(1_000))
OPENING = "I want to fly to Goa"
"""Of the sample app: it asks for the day."""
SLOW_TO_READ = (
    "January 3 ",
    "20k ",
    "1 ",
    "I want to fly to Goa. ",
    "tomorrow next friday ",
    "yes, but on Saturday ",
)
"""What the answers are made of."""


async def half_sent(url: str, token: str, number: int) -> None:
    """A connection on which a request begins and does not end."""
    async with _connected(url) as (reader, writer):
        writer.write(HALF)
        await reader.read()


async def second_request(url: str, token: str, number: int) -> None:
    """The same behind a whole request and its answer."""
    async with _connected(url) as (reader, writer):
        writer.write(WHOLE)
        await reader.readuntil(b"}")
        writer.write(HALF)
        await reader.read()


async def endless_headers(url: str, token: str, number: int) -> None:
    """Header lines of a second request for as long as they are taken."""
    async with _connected(url) as (reader, writer):
        writer.write(WHOLE)
        await reader.readuntil(b"}")
        writer.write(HALF + b"\r\n")
        while True:
            writer.write(HEADERS)
            await writer.drain()


async def long_texts(url: str, token: str, number: int) -> None:
    """An answer of 16,000 characters in which every word may be a day, a number or a request."""
    key = {"Authorization": f"Bearer {token}"}
    async with Line.open(url) as line:
        opened = await line.ask("POST", "/conversations", **key)
        path = f"/conversations/{opened['id']}/messages"
        await line.ask("POST", path, {"text": OPENING}, **key)
        word = SLOW_TO_READ[number % len(SLOW_TO_READ)]
        text = (word * (LONGEST // len(word) + 1))[:LONGEST]
        await line.ask("POST", path, {"text": text}, **key)


SHAPES: dict[str, Callable[[str, str, int], Awaitable[None]]] = {
    "half-sent": half_sent,
    "second-request": second_request,
    "endless-headers": endless_headers,
    "long-texts": long_texts,
}


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def attack(shape: str, url: str, token: str, connections: int) -> None:
    """For ever."""
    begun = itertools.count()

    async def again() -> None:
        while True:
            with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError, ValueError, IndexError):
                await SHAPES[shape](url, token, next(begun))

    await asyncio.gather(*(again() for _ in range(LONG_TEXTS if shape == "long-texts" else connections)))


def main() -> None:
    """SHAPE URL TOKEN CONNECTIONS, until it is killed."""
    os.nice(19)  # its computing is another machine's in truth, and takes nothing from the server
    shape, url, token, connections = sys.argv[-4:]
    asyncio.run(attack(shape, url, token, int(connections)))
