"""Attack: what others notice of a client that attacks: how long the probe and their messages take, and what memory the
server needs for it. The server is `interlock serve` with its defaults, on the sample app and the shipped model.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from scripts.bench.load_clients import Line, event_ids
from scripts.bench.percentiles import percentiles

ROOT = Path(__file__).parents[2]
ATTACKER = "attacker-of-the-bench"
OPERATOR = "operator-of-the-bench"
PEOPLE = 5
"""Who talk meanwhile, each with a token of their own."""
PAUSE = 2.0
"""Seconds between two messages of one of them."""
PROBE = 0.05
"""Seconds between two probes."""
SAID = "Do guide dogs travel free?"
SETTLED = 3.0
"""Seconds in which the server has nothing to do, before a shape is tried."""


@dataclass
class Seen:
    """By others, while one shape goes on: seconds of each probe, to each message's first event and to its last; MiB of
    memory."""

    probes: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    before: float = 0.0
    most: float = 0.0
    failed: int = 0

    def row(self) -> dict[str, Any]:
        """What the messages took, in milliseconds, ready for JSON."""
        return {
            "messages": len(self.last),
            "failed": self.failed,
            "first_event_ms": percentiles(self.first),
            "last_event_ms": percentiles(self.last),
        }


@dataclass(frozen=True)
class Server:
    """`interlock serve`, and its process."""

    url: str
    pid: int

    @property
    def memory(self) -> float:
        """MiB that it has in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A server of the sample app, for the length of a block. UsageError if it does not start."""
    tokens = folder / "tokens"
    lines = [
        f"user:{ATTACKER}",
        f"operator:{OPERATOR}",
        *(f"user/person{number}:{_token(number)}" for number in range(PEOPLE)),
    ]
    tokens.write_text("\n".join(lines), encoding="ascii")
    line = "from scripts.main import main; main()"
    command = [sys.executable, "-c", line, "serve", "-o", str(folder / "out"), "--port", "0", "--tokens", str(tokens)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        if not told:
            raise UsageError("The server did not start: see above.")
        yield Server(json.loads(told)["url"], process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


async def attacked(server: Server, shape: str | None, connections: int, seconds: float) -> Seen:
    """What others see for so many seconds from a shape's first connection on; None: of nobody who attacks."""
    await asyncio.sleep(SETTLED)
    seen = Seen(before=server.memory)
    async with _attacking(server.url, shape, connections):
        until = time.monotonic() + seconds
        watching = [_probe(server, until, seen), *(talk(server.url, number, until, seen) for number in range(PEOPLE))]
        await asyncio.gather(*watching)
    return seen


@asynccontextmanager
async def _attacking(url: str, shape: str | None, connections: int) -> AsyncIterator[None]:
    if shape is None:
        yield
        return
    line = "from scripts.bench.attackers import main; main()"
    given = [shape, url, ATTACKER, str(connections)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", line, *given, cwd=ROOT)
    try:
        yield
        if process.returncode is not None:
            raise UsageError("The attacker ended by itself: see above.")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _probe(server: Server, until: float, seen: Seen) -> None:
    """As whoever restarts a service does: a new connection each time."""
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            async with Line.open(server.url) as line:
                await line.ask("GET", "/healthz")
        except (OSError, ValueError, IndexError, EOFError):
            seen.failed += 1
        seen.probes.append(time.perf_counter() - began)
        seen.most = max(seen.most, server.memory)
        await asyncio.sleep(PROBE)


async def talk(url: str, number: int, until: float, seen: Seen) -> None:
    """One of those people, until then."""
    key = {"Authorization": f"Bearer {_token(number)}"}
    await asyncio.sleep(PAUSE * number / PEOPLE)
    while time.monotonic() < until:
        try:
            async with Line.open(url) as line:
                id = (await line.ask("POST", "/conversations", **key))["id"]
                while time.monotonic() < until:
                    first, last = await _heard(line, id, key)
                    seen.first.append(first)
                    seen.last.append(last)
                    await asyncio.sleep(PAUSE)
        except (OSError, ValueError, IndexError, EOFError):
            seen.failed += 1


async def _heard(line: Line, id: str, key: dict[str, str]) -> tuple[float, float]:
    """Seconds to the first event of a message, and to its last."""
    asked = time.perf_counter()
    line.send("POST", f"/conversations/{id}/messages", {"text": SAID}, Accept="text/event-stream", **key)
    status, _ = await line.head()
    if status != 200:
        raise ValueError(status)
    first = 0.0
    async for chunk in line.chunks():
        if not first and event_ids(chunk):
            first = time.perf_counter() - asked
    return first, time.perf_counter() - asked


def _token(number: int) -> str:
    return f"person-{number}-of-the-bench"


async def each(server: Server, shapes: Sequence[str], connections: int, seconds: float) -> dict[str, Any]:
    """The figures of nobody's attack, then of each shape, by its name."""
    tried: list[str | None] = [None, *shapes]
    return {shape or "none": _row(await attacked(server, shape, connections, seconds)) for shape in tried}


def _row(seen: Seen) -> dict[str, Any]:
    """As the people's row, with the probe and MiB."""
    return {
        **seen.row(),
        "healthz_ms": percentiles(seen.probes),
        "probes": len(seen.probes),
        "memory_before_mib": round(seen.before, 1),
        "memory_more_mib": round(seen.most - seen.before, 1),
    }
