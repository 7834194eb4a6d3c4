"""`interlock batch`: the model's own answers to a batch in OpenAI's form, in a folder that the same command goes on
with.
"""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from pipeline import Launch, Outcome, load_app, read_requests, run_batch
from pipeline.app import App
from pipeline.batch.openai_files import OUTPUT, answered, write_files
from pipeline.batch.requests import Requests
from pipeline.batch.shards import refuse_shard
from pipeline.batch.sources import named
from pipeline.batch.summary import Summary
from pipeline.runtime.folder import Folder
from scripts.console import concurrency_of, console, tell
from scripts.equipment import equipped
from scripts.options import ModelOption, SeedOption
from scripts.run import check_cluster, stopped_by_signal

APP = "pipeline.workflows.completions"


def batch(
    inputs: Annotated[
        list[str],
        typer.Option("-i", "--input", help="Files in OpenAI's batch form: paths, patterns, addresses, - for stdin."),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ],
    model: ModelOption = "models/tiny",
    any_model: Annotated[bool, typer.Option(help="Answer whatever model a row names.")] = False,
    concurrency: Annotated[
        str, typer.Option(metavar="N|auto", help="Rows under way at once; auto follows the servers' queues.")
    ] = "16",
    seed: SeedOption = 0,
    enforcement: Annotated[
        Literal["grammar", "prompted"],
        typer.Option(help="What to do with an engine that ignores grammars: stop, or ask in words and check."),
    ] = "grammar",
    thinking: Annotated[
        int | None, typer.Option(min=0, help="Tokens a reasoning model may think before each answer; 0: none.")
    ] = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Serve again: failed or a custom_id; repeat the option.")
    ] = None,
    accept_changes: Annotated[bool, typer.Option(help="Go on although OUTDIR was made with something else.")] = False,
    ray: Annotated[
        str,
        typer.Option(metavar="ADDRESS|local", help="Spread the shards over a Ray cluster, or this machine's cores."),
    ] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for an engine that is away, then stop.")] = 180,
    shards: Annotated[int, typer.Option(min=0, help="Shards to deal the rows to, by custom_id; with --ray.")] = 0,
) -> None:
    """Answer a batch in OpenAI's form: every option is obeyed, or its row refused by name in errors.jsonl."""
    launch = Launch(
        app=f"{APP}.any_model" if any_model else APP,
        model=model,
        enforcement=enforcement,
        thinking=thinking,
        concurrency=concurrency_of(concurrency),
        seed=seed,
        ray=ray,
        shards=shards,
        wait=wait,
    )
    refuse_shard(out)
    check_cluster(launch)
    app = load_app(launch.app)
    asked = read_requests(named(inputs), app.read)
    for error in islice(asked.bad_lines(), 5):
        console.print(f"Line {error.line} was refused: {error.reason}", markup=False)
    if asked.errors > 5:
        console.print(f"… and {asked.errors - 5} more; see {out / 'errors.jsonl'}.", markup=False)
    try:
        summary, stopped = asyncio.run(_serve(app, asked, out, launch, retry or (), accept_changes))
    except (KeyboardInterrupt, asyncio.CancelledError):
        write_files(out, asked.bad_lines())
        console.print("Stopped; the same command goes on from here.")
        raise typer.Exit(130) from None
    except BaseException:
        if Folder(out).journal.is_file():
            write_files(out, asked.bad_lines())
        raise
    counts = write_files(out, asked.bad_lines())
    rate = summary.finished / summary.seconds if summary.seconds else 0.0
    console.print(
        f"{counts.completed} answered in {out / OUTPUT}, {counts.failed} refused or failed in {out / 'errors.jsonl'};"
        f" this run: {summary.finished} in {summary.seconds:.1f} s ({rate:.1f} rows/s).",
        markup=False,
    )
    print(json.dumps({**counts.row(), **summary.row()}, ensure_ascii=False))
    if stopped:
        console.print("Stopped; the same command goes on from here.")
    raise typer.Exit(130 if stopped else summary.exit_code)


async def _serve(
    app: App, asked: Requests, out: Path, launch: Launch, retry: list[str] | tuple[()], accept_changes: bool
) -> tuple[Summary, bool]:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    task = bar.add_task("Answering", total=asked.records)
    tokens = 0

    def counted(id: str, status: str) -> None:
        bar.update(task, advance=1)
        one = bar.tasks[0]
        took = one.elapsed or 0.0
        if took:
            told = f"{one.completed / took:.1f} rows/s" + (f", {tokens / took:,.0f} tokens/s" if tokens else "")
            bar.update(task, description=told)

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
                retry=retry,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=counted,
                progress=tell,
            )
        return summary, stop.is_set()
    async with equipped(app, launch, out) as equipment:
        stop = stopped_by_signal()
        if Folder(out).journal.is_file():
            write_files(out, asked.bad_lines())  # which mends a line that a crash cut in half
        await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
        with bar, (out / OUTPUT).open("a", encoding="utf-8") as output:

            def finished(outcome: Outcome) -> None:
                nonlocal tokens
                tokens += outcome.receipt.tokens["completion"]
                if outcome.status == "completed":
                    output.write(json.dumps(answered(outcome.row()), ensure_ascii=False) + "\n")
                    output.flush()
                counted(outcome.custom_id, outcome.status)

            summary = await run_batch(
                app,
                asked,
                out,
                equipment,
                launch,
                retry=retry,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=finished,
                progress=tell,
            )
    return summary, stop.is_set()
