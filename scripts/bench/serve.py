"""`interlock bench serve`: many people at once over HTTP, some of whom behave badly, on an engine that answers at once.

The server is a process of its own, and so is this client; both share the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipeline.errors import UsageError
from scripts.bench.attack import Server, each, served
from scripts.bench.attackers import LONG_TEXTS, SHAPES
from scripts.bench.beside_run import beside
from scripts.bench.load_clients import BigSender, Deserter, SlowReader, converse
from scripts.bench.percentiles import percentiles
from scripts.console import console
from scripts.unused import refuse_unused

ATTACKED = {
    "/healthz p50, ms": ("healthz_ms", "p50"),
    "/healthz p99": ("healthz_ms", "p99"),
    "first event p50, ms": ("first_event_ms", "p50"),
    "first event p99": ("first_event_ms", "p99"),
    "memory, MiB more": ("memory_more_mib",),
    "failed": ("failed",),
}
BESIDE = {
    "messages": ("messages",),
    "first event p50, ms": ("first_event_ms", "p50"),
    "last event p50, ms": ("last_event_ms", "p50"),
    "last event p90": ("last_event_ms", "p90"),
    "last event p99": ("last_event_ms", "p99"),
}


def serve(
    context: typer.Context,
    conversations: Annotated[int, typer.Option("-n", "--conversations", min=1, help="At once.")] = 200,
    messages: Annotated[int, typer.Option(min=1, help="Messages in each, one after the other.")] = 3,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; the first warms up and does not count.")] = 3,
    attack: Annotated[
        list[str] | None,
        typer.Option(help=f"Instead: what others notice of one client's attack: {', '.join(SHAPES)}; again for more."),
    ] = None,
    connections: Annotated[int, typer.Option(min=1, help="Of that client.")] = 1_000,
    beside_run: Annotated[
        bool, typer.Option("--beside-run", help="Instead: what a message takes alone, and while a run is served.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Of each attack, or of either.")] = 20.0,
) -> None:
    """Time to the first and to the last event of each message, and events lost or repeated, by their ids.

    Among the guests are one that reads nothing, one that leaves in the middle, and one that sends 10 MB. With --attack
    the server is `interlock serve` with its defaults, on the sample app: the seconds of its probe and of five people's
    first events are measured without anybody's attack first, then during each; with --beside-run, the same server's
    answers to one person, who says the same again and again.
    """
    if beside_run:
        refuse_unused(
            context, "is not of --beside-run, which is measured by itself: leave it out.", "attack", "connections"
        )
    if attack or beside_run:
        refuse_unused(
            context, "is of neither --attack nor --beside-run: leave it out.", "conversations", "messages", "repeat"
        )
    if beside_run:
        _beside(seconds)
        return
    if attack:
        if unknown := [shape for shape in attack if shape not in SHAPES]:
            raise UsageError(f"'{unknown[0]}' is no attack: choose {', '.join(SHAPES)}.")
        if set(attack) == {"long-texts"}:
            refuse_unused(context, f"is of the other attacks: long-texts has {LONG_TEXTS} at once.", "connections")
        _attacked(attack, connections, seconds)
        return
    refuse_unused(context, "is of an --attack: name one.", "connections")
    refuse_unused(context, "is of an --attack, or of --beside-run: name one.", "seconds")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from scripts.bench.null_server import main; main()", folder]
        server = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
        try:
            url = (server.stdout.readline() if server.stdout else "").strip()
            if not url:
                raise UsageError("The server did not start: see above.")
            figures = asyncio.run(measure(url, conversations, messages, repeat))
        finally:
            server.terminate()
            server.wait(timeout=30)
            if server.stdout:
                server.stdout.close()
    console.print(
        f"{figures['conversations']} at once: first event p50 {figures['first_event_ms']['p50']} ms,"
        f" p99 {figures['first_event_ms']['p99']} ms; last p50 {figures['last_event_ms']['p50']} ms,"
        f" p99 {figures['last_event_ms']['p99']} ms; {figures['messages_per_s']} messages/s;"
        f" lost {figures['lost']}, repeated {figures['repeated']}",
        markup=False,
    )
    print(json.dumps({**figures, "stopped_with": server.returncode}))


def _attacked(shapes: Sequence[str], connections: int, seconds: float) -> None:
    figures = _served(lambda server: each(server, shapes, connections, seconds))
    _show("attack", figures, ATTACKED)
    print(json.dumps({"connections": connections, "seconds": seconds, "attacks": figures}))


def _beside(seconds: float) -> None:
    figures = _served(lambda server: beside(server, seconds))
    _show("one person", {"alone": figures["alone"], "beside a run": figures["beside_run"]}, BESIDE)
    print(json.dumps({"seconds": seconds, **figures}))


def _served(measured: Callable[[Server], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        return asyncio.run(measured(server))


def _show(what: str, rows: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> None:
    """A table of rows, by their names; a column is where in a row its figure stands."""
    table = Table(what, *columns)
    for name, row in rows.items():
        table.add_row(name, *(str(reduce(getitem, place, row)) for place in columns.values()))
    console.print(table)


async def measure(url: str, conversations: int, messages: int, repeat: int) -> dict[str, Any]:
    """Rounds of conversations against a server; the figures of all but the first."""
    loop = asyncio.get_running_loop()
    first: list[float] = []
    last: list[float] = []
    lost = repeated = failed = 0
    seconds = 0.0
    guests: dict[str, Any] = {}
    for turn in range(repeat + 1):
        odd = (SlowReader(url), Deserter(url), BigSender(url))
        odd_tasks = [asyncio.create_task(guest.run()) for guest in odd]
        began = loop.time()
        talks = await asyncio.gather(*(converse(url, messages) for _ in range(conversations)))
        elapsed = loop.time() - began
        told = await asyncio.gather(*odd_tasks)
        lost += sum(talk.lost for talk in talks)
        repeated += sum(talk.repeated for talk in talks)
        failed += sum(talk.failed for talk in talks)
        guests = {type(guest).__name__: said for guest, said in zip(odd, told, strict=True)}
        if turn:
            seconds += elapsed
            first += [value for talk in talks for value in talk.first]
            last += [value for talk in talks for value in talk.last]
    return {
        "conversations": conversations,
        "messages": conversations * messages * repeat,
        "repeat": repeat,
        "first_event_ms": percentiles(first),
        "last_event_ms": percentiles(last),
        "messages_per_s": round(len(last) / seconds, 1) if seconds else 0.0,
        "lost": lost,
        "repeated": repeated,
        "failed": failed,
        "guests": guests,
    }
