"""NullEngine: a batch whose engine answers at once, so that what is left is what the pipeline itself costs.

The workflow has one step of each kind: a form that the engine fills, a step in plain Python, an action. Each batch runs
in a process of its own, so that its memory can be measured.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from models.contract import Contract
from models.engines.engine import Canary, Completion, Enforcement, Usage
from models.engines.profiles import Profile
from pipeline import App, Equipment, Launch, Run, action, read_requests, run_batch, step, workflow
from scripts.batch_run import collect_seldom


class Ticket(Contract):
    """What a customer needs."""

    kind: Literal["repair", "return", "question"]
    urgent: bool


class InstantEngine:
    """Gives the same valid answer to every question about a `Ticket`, before anything could wait for it."""

    name = "instant"
    profile = Profile("instant", context=4096)
    identity = "none"
    enforcement: Enforcement = "grammar"
    canary: Canary | None = None

    async def generate(self, *asked: object, **more: object) -> Completion:
        """A ticket, whatever is asked."""
        return Completion('{"kind":"repair","urgent":true}', "stop", Usage(100, 12), 0.0)

    async def close(self) -> None:
        """Nothing is held."""


@step
async def find_desk(kind: str) -> str:
    """The desk that a kind of ticket goes to."""
    return f"{kind} desk"


@action
async def file_ticket(desk: str, urgent: bool, key: str) -> str:
    """Pretend to file a ticket: its number."""
    return f"{desk} {key[:8]}"


@workflow(intent="ticket", examples=["My washing machine is broken."], actions=[file_ticket])
async def ticket(run: Run) -> str:
    """File a ticket."""
    form = await run.generate(Ticket, f"What does this customer need: {run.text}")
    desk = await run.step(find_desk, form.kind)
    filed: str = await run.do(file_ticket, desk, form.urgent)
    return filed


app = App("instant", [ticket])


def write_requests(path: Path, lines: int) -> Path:
    """A file with so many requests, no two of them alike."""
    with path.open("w", encoding="utf-8") as stream:
        for number in range(lines):
            text = f"My washing machine, number {number}, leaks and smells of burnt rubber; can somebody come?"
            stream.write(json.dumps({"custom_id": f"r{number}", "text": text}) + "\n")
    return path


def measure(lines: int, concurrency: int) -> dict[str, Any]:
    """One batch in a process of its own: records/s, seconds, and the most memory that it had (MiB)."""
    command = [sys.executable, "-c", f"from scripts.bench.null_engine import main; main({lines}, {concurrency})"]
    told = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(told.stdout)
    return figures


def main(lines: int, concurrency: int) -> None:
    """Run one batch here, and print its figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        requests = read_requests(write_requests(Path(folder) / "requests.jsonl", lines))
        collect_seldom()  # as the command does
        batch = run_batch(
            app, requests, Path(folder) / "out", Equipment(InstantEngine()), Launch(concurrency=concurrency)
        )
        summary = asyncio.run(batch)
    figures = {
        "lines": lines,
        "completed": summary.statuses["completed"],
        "seconds": summary.seconds,
        "records_per_s": round(lines / summary.seconds, 1),
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),  # Linux counts in KiB
    }
    print(json.dumps(figures))
