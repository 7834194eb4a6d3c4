"""`interlock run`: bring a file of requests to results, in a folder that the same command continues."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline import App, Launch, Requests, Summary, UsageError, load_app, read_requests, run_batch
from pipeline.batch.shards import refuse_shard
from scripts.console import concurrency_of, console, day_of, tell
from scripts.equipment import equipped
from scripts.options import TRAVEL, AppOption, GateOption, ModelOption, SecondModelOption, SeedOption, TrustOption
from scripts.summary import show


def run(
    requests: Annotated[Path, typer.Option("-i", "--input", help="Requests, one JSON object a line.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ],
    app: AppOption = TRAVEL,
    model: ModelOption = "models/tiny",
    second_model: SecondModelOption = "",
    index: Annotated[
        Path | None, typer.Option(help="An index of the app's knowledge; made in OUTDIR by default.")
    ] = None,
    concurrency: Annotated[
        str, typer.Option(metavar="N|auto", help="Records under way at once; auto follows the servers' queues.")
    ] = "16",
    today: Annotated[str, typer.Option(help="The day that 'tomorrow' counts from (2026-12-31); default: today.")] = "",
    seed: SeedOption = 0,
    enforcement: Annotated[
        Literal["grammar", "prompted"],
        typer.Option(help="What to do with an engine that ignores grammars: stop, or ask in words and check."),
    ] = "grammar",
    gate: GateOption = "cascade",
    trust: TrustOption = None,
    thinking: Annotated[
        int | None, typer.Option(min=0, help="Tokens a reasoning model may think before each answer; 0: none.")
    ] = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Serve again: failed, escalated or a custom_id; repeat the option.")
    ] = None,
    accept_changes: Annotated[bool, typer.Option(help="Go on although OUTDIR was made with something else.")] = False,
    ray: Annotated[
        str,
        typer.Option(metavar="ADDRESS|local", help="Spread the shards over a Ray cluster, or this machine's cores."),
    ] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for an engine that is away, then stop.")] = 180,
    shards: Annotated[int, typer.Option(min=0, help="Shards to deal the requests to, by custom_id; with --ray.")] = 0,
) -> None:
    """Run a batch of requests through an app. Running the same command again continues where it stopped."""
    day = day_of(today)
    launch = Launch(
        app=app,
        model=model,
        second=second_model,
        index=None if index is None else str(index.resolve()),
        enforcement=enforcement,
        gate=gate,
        trust=trust,
        thinking=thinking,
        concurrency=concurrency_of(concurrency),
        seed=seed,
        ray=ray,
        shards=shards,
        wait=wait,
    )
    refuse_shard(out)
    check_cluster(launch)
    loaded = load_app(app)
    asked = read_requests(requests, loaded.read)
    for error in islice(asked.bad_lines(), 5):
        console.print(f"Line {error.line} was left out: {error.reason}", markup=False)
    if asked.errors > 5:
        console.print(f"… and {asked.errors - 5} more; see {out / 'errors.jsonl'}.", markup=False)
    finish(loaded, asked, out, launch, day, retry or (), accept_changes)


def finish(
    app: App,
    asked: Requests | None,
    out: Path,
    launch: Launch,
    today: date | None = None,
    retry: Sequence[str] = (),
    accept_changes: bool = False,
) -> None:
    """Serve what is left in a folder, show what became of it, and exit as `interlock run` does."""
    try:
        summary, stopped = asyncio.run(_batch(app, asked, out, launch, today, retry, accept_changes))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None
    show(summary, asked, out)
    print(json.dumps(summary.row(), ensure_ascii=False))
    if stopped:
        console.print("Stopped; the same command goes on from here.")
    raise typer.Exit(130 if stopped else summary.exit_code)


async def _batch(
    app: App,
    asked: Requests | None,
    out: Path,
    launch: Launch,
    today: date | None,
    retry: Sequence[str],
    accept_changes: bool,
) -> tuple[Summary, bool]:
    """Open what an app needs as `launch` says, and run its batch with a progress bar; whether it was stopped early."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    task = bar.add_task("Serving requests", total=None if asked is None else asked.records)

    def finished(id: str, status: str) -> None:
        bar.update(task, advance=1, description=f"{id}: {status.replace('_', ' ')}")

    if launch.ray:
        from pipeline.batch.cluster import run_shards  # Ray is an extra, and takes a second to import

        stop = stopped_by_signal()
        with bar:
            summary = await run_shards(
                app,
                asked,
                out,
                launch,
                equip=equipped,
                today=today,
                retry=retry,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=finished,
                progress=tell,
            )
        return summary, stop.is_set()
    async with equipped(app, launch, out) as equipment:
        stop = stopped_by_signal()
        with bar:
            summary = await run_batch(
                app,
                asked,
                out,
                equipment,
                launch,
                today=today,
                retry=retry,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=lambda outcome: finished(outcome.custom_id, outcome.status),
                progress=tell,
            )
    return summary, stop.is_set()


def check_cluster(launch: Launch) -> None:
    """Whether the options of a cluster make sense together. UsageError."""
    if bool(launch.ray) != bool(launch.shards):
        raise UsageError("--ray and --shards belong together: for example --ray local --shards 4.")
    for model in launch.models if launch.ray else ():
        if model.startswith("vllm:"):
            raise UsageError(
                f"'{model}' would start a server for every worker: start one on each machine, and give its address."
            )


def stopped_by_signal() -> asyncio.Event:
    """Set by the first Ctrl-C or SIGTERM, so that records under way come to their end; a second one stops at once."""
    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()
        tell("Finishing what is under way; Ctrl-C again stops at once.")

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job gets SIGTERM, from `kill` or a supervisor
        loop.add_signal_handler(number, interrupted)
    return stop
