"""The server of `interlock bench serve`: the instant app and engine over HTTP, in a process of its own.

Its limits leave room for a client that stands for hundreds; one that reads nothing is cut off after two seconds.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pipeline import Equipment
from pipeline.service.limits import Limits
from pipeline.service.server import listen, serve
from pipeline.service.service import serving
from scripts.bench.null_engine import InstantEngine, app

LIMITS = Limits(rate=100_000.0, burst=100_000, turns=2_000, streams=4_000, unread_seconds=2.0)


def main() -> None:
    """Serve from the folder that the first argument names; the first line on stdout is the address."""
    asyncio.run(_serve(Path(sys.argv[-1])))


async def _serve(folder: Path) -> None:
    bound = listen("127.0.0.1", 0)
    async with serving(app, folder / "out", Equipment(InstantEngine()), limits=LIMITS) as service:
        await serve(service, bound, lambda: print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True))
