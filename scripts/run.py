"""`interlock run`: bring a file of requests to results, in a folder that the same command continues."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from index import Embedder, Index, NotAnIndex, Retriever
from models.opening import open_engine
from pipeline import App, Outcome, Requests, Summary, load_app, read_requests, run_batch
from scripts.console import console, day_of, tell
from scripts.summary import show

TRAVEL = "pipeline.workflows.travel"


def run(
    requests: Annotated[Path, typer.Option("-i", "--input", help="Requests, one JSON object a line.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ],
    app: Annotated[str, typer.Option(help="Module, or file.py, with `app = App(…)`.")] = TRAVEL,
    model: Annotated[
        str, typer.Option(help="A folder or name, http://… (a vLLM server), or vllm:NAME (starts one).")
    ] = "models/tiny",
    index: Annotated[
        Path | None, typer.Option(help="An index of the app's knowledge; made in OUTDIR by default.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Records under way at once.")] = 16,
    today: Annotated[str, typer.Option(help="The day that 'tomorrow' counts from (2026-12-31); default: today.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Run a batch of requests through an app. Running the same command again continues where it stopped."""
    day = day_of(today)
    loaded = load_app(app)
    asked = read_requests(requests)
    for error in islice(asked.bad_lines(), 5):
        console.print(f"Line {error.line} was left out: {error.reason}", markup=False)
    if asked.errors > 5:
        console.print(f"… and {asked.errors - 5} more; see {out / 'errors.jsonl'}.", markup=False)
    try:
        summary = asyncio.run(batch(loaded, asked, out, model, index, concurrency, day, seed))
    except KeyboardInterrupt:
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None
    show(summary, asked, out)
    print(json.dumps(summary.row(), ensure_ascii=False))
    raise typer.Exit(summary.exit_code)


async def batch(
    app: App,
    requests: Requests,
    out: Path,
    model: str,
    index: Path | None = None,
    concurrency: int = 16,
    today: date | None = None,
    seed: int = 0,
) -> Summary:
    """Open the engine, encoder and index that an app needs, and run its batch with a progress bar."""
    async with AsyncExitStack() as stack:
        embedder, retriever = Embedder(), None
        if app.knowledge is not None or index is not None:
            opened = stack.enter_context(await _opened(app, index, out, embedder))
            if opened.manifest.encoder != embedder.name:
                embedder = Embedder(opened.manifest.encoder)
            retriever = Retriever(opened, embedder)
        engine = await stack.enter_async_context(open_engine(model, tell))
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        bar = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = bar.add_task("Serving requests", total=requests.records)

        def finished(outcome: Outcome) -> None:
            bar.update(task, advance=1, description=f"{outcome.custom_id}: {outcome.status.replace('_', ' ')}")

        return await run_batch(
            app,
            requests,
            out,
            engine=engine,
            embedder=embedder,
            retriever=retriever,
            concurrency=concurrency,
            today=today,
            seed=seed,
            on_outcome=finished,
            progress=tell,
        )


async def _opened(app: App, index: Path | None, out: Path, embedder: Embedder) -> Index:
    # An index that the user named is only read; the one in OUTDIR is made on the first run and kept for the next.
    if index is not None:
        return await asyncio.to_thread(Index.open, index)
    own = out / "index"
    try:
        return await asyncio.to_thread(Index.open, own)
    except NotAnIndex:  # nothing there yet, or a first build was killed
        if app.knowledge is None:
            raise
        tell("Building the index…")
        return await asyncio.to_thread(Index.build, [app.knowledge], own, embedder)
