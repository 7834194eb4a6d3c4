"""BesideRun: what a message takes while a run is served by the same engine, beside what it takes alone. The server is
that of attack.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from pipeline.errors import UsageError
from scripts.bench.attack import OPERATOR, ROOT, SETTLED, Seen, Server, talk
from scripts.bench.load_clients import Line
from scripts.bench.percentiles import percentiles

REQUESTS = ROOT / "pipeline" / "workflows" / "travel" / "requests.jsonl"
COPIES = 50
"""Of the sample batch: more than is served in the time."""
BEGUN = 16
"""Records that are done before a message is sent: the run is in full swing."""
PATIENCE = 120.0


async def beside(server: Server, seconds: float) -> dict[str, Any]:
    """The figures of one person's messages for so many seconds, alone and beside a run; what became of the run."""
    alone, during = Seen(), Seen()
    await asyncio.sleep(SETTLED)
    await talk(server.url, 0, time.monotonic() + seconds, alone)
    key = {"Authorization": f"Bearer {OPERATOR}"}
    async with Line.open(server.url) as line:
        run = await line.ask("POST", "/runs", _requests(), **{**key, "Content-Type": "application/jsonl"})
        path = f"/runs/{run['id']}"
        before = await _under_way(line, path, key)
    began = time.monotonic()
    await talk(server.url, 1, began + seconds, during)
    async with Line.open(server.url) as line:  # the one before asked nothing for too long
        done = _done(await line.ask("GET", path, **key)) - before
        rate = round(done / (time.monotonic() - began), 2)
        await line.ask("DELETE", path, **key)
    ratio = _median(during) / _median(alone) if alone.last and during.last else None
    return {
        "alone": alone.row(),
        "beside_run": during.row(),
        "last_event_ratio": ratio and round(ratio, 2),
        "records_per_s": rate,
    }


def _requests() -> bytes:
    lines = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    copies = ({**line, "custom_id": f"{line['custom_id']}-{copy}"} for copy in range(COPIES) for line in lines)
    return "\n".join(map(json.dumps, copies)).encode()


async def _under_way(line: Line, path: str, key: dict[str, str]) -> int:
    async with asyncio.timeout(PATIENCE):
        while True:
            run = await line.ask("GET", path, **key)
            if run["state"] not in ("waiting", "running"):
                raise UsageError(f"The run ended before it was begun: {run.get('error') or run['state']}.")
            if (done := _done(run)) >= BEGUN:
                return done
            await asyncio.sleep(0.2)


def _done(run: dict[str, Any]) -> int:
    return sum(count for status, count in run["statuses"].items() if status != "running")


def _median(seen: Seen) -> float:
    return percentiles(seen.last)["p50"]
