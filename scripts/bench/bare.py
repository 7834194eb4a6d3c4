"""Bare: the prompts of a batch, with their grammars, sent by a client that does nothing else.

It is the most that any pipeline could reach: the same requests to the same server, without a journal, a check, or a
step that waits for another.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal

import httpx
from annotated_types import MaxLen, MinLen

from models.contract import Contract
from models.engines.engine import Message, Sampling
from models.engines.vllm.address import is_local, root_of
from models.engines.vllm.server import VllmServer
from models.grammar.grammar import Grammar
from pipeline import App, Equipment, Launch, Run, UsageError, read_requests, run_batch, workflow
from scripts.bench.null_engine import file_ticket, find_desk, write_requests
from scripts.bench.recording_engine import Listening
from scripts.console import tell

if TYPE_CHECKING:
    from models.engines.vllm.engine import VllmEngine


class Report(Contract):
    """What a customer needs, in a sentence."""

    kind: Literal["repair", "return", "question"]
    urgent: bool
    summary: Annotated[str, MinLen(40), MaxLen(80)]


@workflow(intent="report", examples=["My washing machine is broken."], actions=[file_ticket])
async def report(run: Run) -> str:
    """Report a fault."""
    form = await run.generate(Report, f"What does this customer need: {run.text}")
    desk = await run.step(find_desk, form.kind)
    filed: str = await run.do(file_ticket, desk, form.urgent)
    return filed


def write_reports(rows: int) -> Callable[[Path, str], Path]:
    """Makes a file of so many requests to the app above, whatever the model."""
    return lambda path, model: write_requests(path, rows)


async def beside_bare(
    model: str, app: App, write: Callable[[Path, str], Path], rows: int, concurrency: int, repeat: int
) -> dict[str, Any]:
    """Requests a second of an app's batch, and of the bare client with the same, in turn; and their ratio.

    `model`: http://… or the name of one to start a server for. `write`: makes a file of `rows` requests at a path, for
    a model of this name. A first batch warms the server up, and is listened to.
    """
    if not model.startswith("http"):
        async with VllmServer.start(model.removeprefix("vllm:"), tell, jump_forward=None) as server:
            return await beside_bare(server.url, app, write, rows, concurrency, repeat)
    from models.engines.vllm.engine import VllmEngine  # takes seconds, and every command mounts this one

    launch, seconds = Launch(concurrency=concurrency), {"batch": list[float](), "bare": list[float]()}
    engine = await VllmEngine.open(model)
    engine.profile = replace(engine.profile, decides=True)  # how well it decides does not matter here
    try:
        with tempfile.TemporaryDirectory() as folder:
            asked = read_requests(write(Path(folder) / "in.jsonl", engine.name.removeprefix("vllm:")), app.read)
            listening = Listening(engine)
            await run_batch(app, asked, Path(folder) / "0", Equipment(listening), launch)
            bodies = [
                body_of(engine, call.messages, call.grammar, call.sampling) for call in listening.calls if call.grammar
            ]
            if len(bodies) < rows:
                raise UsageError(f"The server at {model} answered no batch: look at its log.")
            await send(model, bodies, concurrency)
            for turn in range(1, repeat + 1):
                summary = await run_batch(app, asked, Path(folder) / str(turn), Equipment(engine), launch)
                seconds["batch"].append(summary.seconds)
                seconds["bare"].append(await send(model, bodies, concurrency))
                tell(f"{summary.seconds:.2f} s for the batch, {seconds['bare'][-1]:.2f} s for the bare client")
    finally:
        await engine.close()
    ratios = [bare / batch for bare, batch in zip(seconds["bare"], seconds["batch"], strict=True)]
    return {
        "rows": rows,
        "requests": len(bodies),
        "batch_per_s": round(len(bodies) / median(seconds["batch"]), 2),
        "bare_per_s": round(len(bodies) / median(seconds["bare"]), 2),
        "ratio": round(median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
    }


def body_of(engine: VllmEngine, messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> dict[str, Any]:
    """A request with its grammar, as a server takes it."""
    return {
        "model": engine.name.removeprefix("vllm:"),
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "max_completion_tokens": grammar.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "structured_outputs": {"grammar": grammar.lark},
        "chat_template_kwargs": dict(engine.profile.template),
    }


async def send(url: str, bodies: Sequence[dict[str, Any]], concurrency: int) -> float:
    """Send every request, so many at once: seconds."""
    left, limits = iter(bodies), httpx.Limits(max_connections=concurrency)
    root = root_of(url)
    async with httpx.AsyncClient(base_url=root, timeout=600, limits=limits, trust_env=not is_local(root)) as client:

        async def worker() -> None:
            for body in left:
                (await client.post("/v1/chat/completions", json=body)).raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        return time.perf_counter() - started
