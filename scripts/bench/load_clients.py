"""Load clients: the people of `interlock bench serve`, over real sockets. Knows HTTP and event ids."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TEXT = "My washing machine leaks and smells of burnt rubber; can somebody come?"
PATIENCE = 120.0
BIG = 10 * 1024 * 1024
UNREAD = 15
"""Answers, of 40 kB and more each, that a slow reader asks for without reading any."""


@dataclass
class Talk:
    """What one guest saw: seconds to the first and to the last event of each message."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    lost: int = 0
    repeated: int = 0
    failed: int = 0


class Line:
    """One keep-alive connection. Written on the bare socket, so that the client costs little next to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self.writer = writer
        self._host = host

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Line]:
        """To the server at `url`."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        try:
            yield cls(reader, writer, parts.netloc)
        finally:
            writer.close()

    def send(self, method: str, path: str, value: object = None, **headers: str) -> None:
        """Send a request with a value as JSON; bytes as they are."""
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        given = {"Host": self._host, "Content-Length": str(len(body)), "Content-Type": "application/json", **headers}
        head = "".join(f"{name}: {text}\r\n" for name, text in given.items())
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers of the next answer."""
        status = int((await self._reader.readline()).split()[1])
        headers: dict[str, str] = {}
        while line := (await self._reader.readline()).strip():
            name, _, text = line.decode("latin-1").partition(":")
            headers[name.lower()] = text.strip()
        return status, headers

    async def body(self, headers: dict[str, str]) -> bytes:
        """What follows such headers."""
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """A chunked body as it arrives."""
        while size := int((await self._reader.readline()) or b"0", 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()

    async def ask(self, method: str, path: str, value: object = None, **headers: str) -> Any:
        """A request, and its answer as JSON; asked again after a second for as long as it is refused for a rate."""
        while True:
            self.send(method, path, value, **headers)
            status, told = await self.head()
            body = await self.body(told)
            if status != 429:
                return json.loads(body)
            await asyncio.sleep(1.0)


async def converse(url: str, messages: int) -> Talk:
    """Say something, listen to the end, and so on; then compare what was heard with what the conversation holds."""
    talk, heard = Talk(), list[int]()
    async with asyncio.timeout(PATIENCE), Line.open(url) as line:
        id = (await line.ask("POST", "/conversations"))["id"]
        for _ in range(messages):
            asked = time.perf_counter()
            line.send("POST", f"/conversations/{id}/messages", {"text": TEXT}, Accept="text/event-stream")
            status, headers = await line.head()
            if status != 200:
                await line.body(headers)
                talk.failed += 1
                continue
            began = len(heard)
            async for chunk in line.chunks():
                ids = event_ids(chunk)
                if ids and len(heard) == began:
                    talk.first.append(time.perf_counter() - asked)
                heard += ids
            talk.last.append(time.perf_counter() - asked)
        async with Line.open(url) as again:
            held = await _held(again, id)
    talk.repeated = len(heard) - len(set(heard))
    talk.lost = len(set(held) - set(heard))
    return talk


async def _held(line: Line, id: str) -> list[int]:
    """The ids of all events of a conversation, from its beginning."""
    last = (await line.ask("GET", f"/conversations/{id}"))["last_event"]
    line.send("GET", f"/conversations/{id}/events", None, Accept="text/event-stream")
    await line.head()
    held: list[int] = []
    async for chunk in line.chunks():
        held += event_ids(chunk)
        if held and held[-1] >= last:
            break
    return held


def event_ids(chunk: bytes) -> list[int]:
    """The ids of the events in a piece of a stream; the server sends whole events."""
    return [int(text[4:]) for text in chunk.split(b"\n") if text.startswith(b"id: ")]


class SlowReader:
    """Asks for much, and reads nothing until the server has had enough."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> str:
        """Whether it was cut off."""
        parts = urlsplit(self._url)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (parts.hostname, parts.port))
            asking = f"GET /openapi.json HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
            await loop.sock_sendall(connection, asking * UNREAD)
            ended = select.poll()
            ended.register(connection, select.POLLRDHUP)
            return "cut off" if await asyncio.to_thread(ended.poll, PATIENCE * 1_000) else "still connected"


class Deserter:
    """Leaves while its message is worked on; the message is served all the same."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> str:
        """What became of its message."""
        async with Line.open(self._url) as line:
            id = (await line.ask("POST", "/conversations"))["id"]
            line.send("POST", f"/conversations/{id}/messages", {"text": TEXT}, Accept="text/event-stream")
            await line.head()
        async with asyncio.timeout(PATIENCE), Line.open(self._url) as line:
            while (await line.ask("GET", f"/conversations/{id}"))["state"] == "busy":  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # asked over HTTP
            told = await line.ask("GET", f"/conversations/{id}")
        return "served" if told["turns"][-1]["role"] == "assistant" else "not served"


class BigSender:
    """Sends 10 MB where a message belongs."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> int:
        """The status it was given."""
        async with asyncio.timeout(PATIENCE), Line.open(self._url) as line:
            id = (await line.ask("POST", "/conversations"))["id"]
            line.send("POST", f"/conversations/{id}/messages", {"text": "x" * BIG})
            status, _ = await line.head()
        return status
