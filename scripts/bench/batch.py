"""`interlock bench batch`: rows a second of a batch, its memory, what kills do to it, and others beside it."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from pipeline import UsageError
from scripts.bench.batch_beside import beside_client, beside_run_batch, first_row
from scripts.bench.batch_rows import kill, measure
from scripts.console import console
from scripts.unused import refuse_unused


def batch(
    context: typer.Context,
    rows: Annotated[list[int] | None, typer.Option(min=1, help="Rows; repeat the option. Default: 20,000.")] = None,
    concurrency: Annotated[int, typer.Option(min=1)] = 32,
    kills: Annotated[int, typer.Option(min=0, help="Kill the batch so many times, and count what is lost.")] = 0,
    poisoned: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --kills: the share of bad rows.")] = 0.01,
    bare: Annotated[str, typer.Option(help="A server, http://… or a model, asked by a bare client as well.")] = "",
    run_batch: Annotated[str, typer.Option(help="A model that `vllm run-batch` answers the same file with.")] = "",
    first: Annotated[str, typer.Option(help="A model in this process: seconds to the first valid row.")] = "",
    repeat: Annotated[int, typer.Option(min=1, help="Rounds with --bare, in turn.")] = 5,
) -> None:
    """Rows of a Parquet file through the instant engine, as Parquet; or a batch killed again and again; or others.

    Give one of --kills, --bare, --run-batch and --first, or none of them.
    """
    if sum(map(bool, (kills, bare, run_batch, first))) > 1:
        raise UsageError("--kills, --bare, --run-batch and --first are measured apart: give one of them.")
    if not kills:
        refuse_unused(context, "is the share of bad rows among --kills: add that.", "poisoned")
    if not bare:
        refuse_unused(context, "is of --bare: add that, or leave it out.", "repeat")
    if first:
        refuse_unused(
            context, "is not of --first, which waits for one row of 1,000: leave it out.", "rows", "concurrency"
        )
    sizes = rows or [200 if bare or run_batch else 20_000]
    if len(sizes) > 1 and (kills or bare or run_batch or first):
        raise UsageError("Several --rows are for the instant engine alone: give one.")
    found: Any
    if bare:
        found = asyncio.run(beside_client(bare, sizes[0], concurrency, repeat))
    elif run_batch:
        found = asyncio.run(beside_run_batch(run_batch, sizes[0], concurrency))
    elif first:
        found = asyncio.run(first_row(first))
    elif kills:
        found = kill(sizes[0], poisoned, kills, concurrency)
    else:
        found = [measure(size, concurrency) for size in sizes]
    for row in found if isinstance(found, list) else [found]:
        console.print(", ".join(f"{name} {value}" for name, value in row.items()), markup=False)
    print(json.dumps(found))
