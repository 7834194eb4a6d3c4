"""`interlock answer`: give people's answers to the records that wait for them, and go on with those."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from pipeline import load_app
from pipeline.batch.answers import apply
from pipeline.batch.requests import BadLine
from pipeline.batch.shards import folders_in, home_of, refuse_shard
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder
from pipeline.runtime.manifest import read_launch
from scripts.console import complain, console
from scripts.run import finish


def answer(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder of results with a questions.jsonl.")],
    answers: Annotated[Path, typer.Argument(help='{"custom_id", "answer"}, or "happened": true or false, a line.')],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who answers; an approval is kept with it in the ledger.")
    ] = "",
    model: Annotated[str, typer.Option(help="Another address of the same model than the run had.")] = "",
) -> None:
    """Answer records that wait (questions.jsonl, approvals.jsonl) or were handed over (escalations.jsonl), and go on.

    Where it is not known whether an action happened, {"custom_id", "happened": true, "result"} goes on after it, and
    "happened": false lets `interlock run --retry` do it. A line that cannot be used is named; its record stays as it
    is. Exit code 1 if there is one.
    """
    folders_in(out)
    refuse_shard(out)
    launch = read_launch(out)
    app = load_app(launch.app)

    async def give() -> tuple[list[str], list[BadLine]]:
        async with AsyncExitStack() as stack:

            @cache
            def opened(folder: Folder) -> Journal:
                journal = Journal.open(folder.journal)
                stack.push_async_callback(journal.close)
                return journal

            return await apply(lambda id: opened(home_of(out, id)), answers, app, name)

    with Folder(out).locked():
        answered, bad = asyncio.run(give())
    for error in bad:
        complain(f"Line {error.line} was left out: {error.reason}")
    console.print(f"{len(answered)} of {len(answered) + len(bad)} answers were given to their records.")
    try:
        finish(app, None, out, replace(launch, model=model or launch.model))
    except typer.Exit as done:
        raise typer.Exit(done.exit_code or int(bool(bad))) from None
