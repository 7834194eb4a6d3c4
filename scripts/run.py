"""`interlock run`: bring a file of requests to results, in a folder that the same command continues."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pipeline import App, Launch, Requests, Summary, load_app, read_requests
from pipeline.ages import age_of
from pipeline.batch.ordering import order_results
from pipeline.batch.shards import refuse_shard
from pipeline.runtime.folder import Folder
from scripts import options
from scripts.batch_run import check_cluster, complain_of, serve_batch
from scripts.console import concurrency_of, console, day_of
from scripts.progress import progress_bar
from scripts.summary import show


def run(
    requests: Annotated[Path, typer.Option("-i", "--input", help="Requests, one JSON object a line.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ],
    app: options.App = options.TRAVEL,
    model: options.Model = "models/tiny",
    second_model: options.SecondModel = "",
    index: options.Index = None,
    concurrency: Annotated[
        str, typer.Option(metavar="N|auto", help="Records under way at once; auto follows the servers' queues.")
    ] = "16",
    today: Annotated[str, typer.Option(help="The day that 'tomorrow' counts from (2026-12-31); default: today.")] = "",
    seed: options.Seed = 0,
    enforcement: options.Enforcement = "grammar",
    gate: options.Gate = "cascade",
    trust: options.Trust = None,
    thinking: options.Thinking = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Serve again: failed, escalated or a custom_id; repeat the option.")
    ] = None,
    expire: Annotated[
        str, typer.Option(metavar="AGE", help="Hand over to a person what nobody has answered for so long, such as 7d.")
    ] = "",
    accept_changes: options.Accept = False,
    ray: options.Ray = "",
    wait: options.Wait = 180,
    ordered: options.Ordered = False,
    shards: Annotated[int, typer.Option(min=0, help="Shards to deal the requests to, by custom_id; with --ray.")] = 0,
) -> None:
    """Run a batch of requests through an app. Running the same command again continues where it stopped.

    Exit code 1 if a record failed or a line could not be read.
    """
    day = day_of(today)
    launch = Launch(
        app=app,
        model=model,
        second=second_model,
        index=index,
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
    complain_of(asked, out, "left out")
    if asked.unread:
        names = ", ".join(f'"{name}" (lines: {count})' for name, count in asked.unread.items())
        console.print(f"Not read, and in no result: {names}. Join them by custom_id.", markup=False)
    finish(loaded, asked, out, launch, day, retry or (), age_of(expire), accept_changes, ordered)


def finish(
    app: App,
    asked: Requests | None,
    out: Path,
    launch: Launch,
    today: date | None = None,
    retry: Sequence[str] = (),
    expire: float | None = None,
    accept_changes: bool = False,
    ordered: bool = False,
) -> None:
    """Serve what is left in a folder, show what became of it, and exit as `interlock run` does."""
    try:
        summary, stopped = asyncio.run(_batch(app, asked, out, launch, today, retry, expire, accept_changes))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None
    if ordered and asked is not None:
        order_results(Folder(out).results, (record.id for record in asked))
    show(summary, asked, out)
    print(json.dumps(summary.row(), ensure_ascii=False))
    if stopped:
        console.print("Stopped; the same command goes on from here.")
    left_out = asked is not None and asked.errors > 0
    raise typer.Exit(130 if stopped else summary.exit_code or int(left_out))


async def _batch(
    app: App,
    asked: Requests | None,
    out: Path,
    launch: Launch,
    today: date | None,
    retry: Sequence[str],
    expire: float | None,
    accept_changes: bool,
) -> tuple[Summary, bool]:
    """Run a batch with a progress bar; whether it was stopped early."""
    bar = progress_bar()
    task = bar.add_task("Serving requests", total=None if asked is None else asked.records)

    def finished(id: str, status: str) -> None:
        bar.update(task, advance=1, description=f"{id}: {status.replace('_', ' ')}")

    return await serve_batch(app, asked, out, launch, bar, finished, today, retry, expire, accept_changes)
