"""What the tests of the service share by name: clients in this process, servers in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pipeline import load_app
from pipeline.service import Limits, Tokens
from pipeline.service.server import listen, serve
from pipeline.service.service import Service, serving

HALL = Path(__file__).parents[1] / "apps" / "hall.py"
SSE = {"Accept": "text/event-stream"}
QUICK = Limits(rate=10_000.0, burst=10_000, heartbeat_seconds=0.05, grace_seconds=1.0, runs=1)

_PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from pipeline import load_app
from pipeline.service import Limits
from pipeline.service.server import listen, serve
from pipeline.service.service import serving

async def main(out, app, port, limits):
    bound = listen("127.0.0.1", port)
    async with serving(load_app(app), Path(out), limits=Limits(**limits)) as service:
        await serve(service, bound, lambda: print(bound.getsockname()[1], flush=True))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
"""


@asynccontextmanager
async def hall(
    folder: Path, limits: Limits = QUICK, tokens: str | Tokens = "", app: Path = HALL
) -> AsyncIterator[tuple[httpx.AsyncClient, Service]]:
    """A client of a server in this process, over a real socket."""
    bound = listen("127.0.0.1", 0)
    known = Tokens(tokens) if isinstance(tokens, str) else tokens
    async with serving(load_app(str(app)), folder / "out", limits=limits, tokens=known) as service:
        listening = asyncio.Event()
        server = asyncio.create_task(serve(service, bound, listening.set))
        await listening.wait()
        try:
            async with httpx.AsyncClient(base_url=f"http://localhost:{bound.getsockname()[1]}", timeout=30) as client:
                yield client, service
        finally:
            service.stopping.set()
            await server


@dataclass
class Process:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def full(self) -> Iterator[None]:
        """For the length of a block no file of it may grow, as on a full disk."""
        most = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (1, most[1]))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, most)

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """As an administrator would; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def process(folder: Path, port: int = 0, files: int = 0, **limits: Any) -> Iterator[Process]:
    """A server of the hall in `folder`, killed at the end, if it still runs. `files`: its soft limit of open ones."""
    given = {"rate": 10_000.0, "burst": 10_000, "heartbeat_seconds": 0.1, "grace_seconds": 2.0, "runs": 1, **limits}
    command = [sys.executable, "-c", _PROGRAM, str(folder / "out"), str(HALL), str(port), json.dumps(given)]
    if files:
        command = ["sh", "-c", f'ulimit -Sn {files}; exec "$@"', "sh", *command]
    started = subprocess.Popen(
        command, cwd=Path(__file__).parents[3], env={**os.environ}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        yield Process(started, int(started.stdout.readline()))
    finally:
        started.kill()
        started.wait(timeout=30)
        if started.stdout is not None:
            started.stdout.close()


def frames(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Id, name and data of the events of a stream, without its comments."""
    found = []
    for part in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def follow(client: httpx.AsyncClient, id: str, last: int, until: int, **headers: str) -> list[int]:
    """The ids that the conversation's stream gives after `last`, up to one that is expected."""
    heard: list[int] = []
    path = f"/conversations/{id}/events"
    async with client.stream("GET", path, headers={**SSE, "Last-Event-ID": str(last), **headers}) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                heard.append(int(line[4:]))
                if heard[-1] >= until:
                    break
    return heard


async def begin(client: httpx.AsyncClient, **headers: str) -> str:
    """A new conversation."""
    answer = await client.post("/conversations", headers=headers)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


async def say(client: httpx.AsyncClient, id: str, text: str, **headers: str) -> dict[str, Any]:
    """A message served to its end."""
    answer = await client.post(f"/conversations/{id}/messages", json={"text": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def sentence(answer: httpx.Response) -> str:
    """What a client is told: one sentence or two, no traceback."""
    error = answer.json()["error"]
    form = {"type", "param"} if answer.request.url.path.startswith("/v1/") else set()
    assert set(error) == {"code", "message", "hint", *form}
    assert "Traceback" not in answer.text
    assert 0 < len(error["message"]) < 400
    message: str = error["message"]
    return message
