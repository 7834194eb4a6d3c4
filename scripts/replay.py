"""`interlock replay`: one record of a run once more, from its journal, without touching the run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline import Launch, Outcome, load_app
from pipeline.batch.replay_record import check_rerun, rerun
from pipeline.batch.shards import home_of
from pipeline.runtime.manifest import read_launch
from scripts.console import console
from scripts.diff import COMPARED
from scripts.equipment import equipped
from scripts.inspect import ending


def replay(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder of results.")],
    custom_id: Annotated[str, typer.Argument(metavar="CUSTOM_ID")],
    since: Annotated[str, typer.Option("--from", metavar="STEP", help="Forget this step and what came after.")] = "",
    model: Annotated[str, typer.Option(help="Another model than the run had.")] = "",
) -> None:
    """Walk a record through its workflow again: along its journal, and from --from on anew. No action is done.

    Exit code 1 if it comes to another end than before.
    """
    check_rerun(home_of(out, custom_id).found(), custom_id, since or None)
    launch = read_launch(out)
    launch = replace(launch, model=model or launch.model)
    before, outcome, fresh = asyncio.run(_again(out, custom_id, since or None, launch))
    row = outcome.row()
    changed = [name for name in COMPARED if before is None or _plain(before.get(name)) != _plain(row.get(name))]
    table = Table(title=Text(f"{custom_id}, {len(fresh)} steps anew"), title_justify="left", show_header=False)
    for label, told in (("before", before), ("now", row)):
        table.add_row(label, Text("unfinished" if told is None else f"{told['status']}: {ending(told)}"))
    table.add_row("anew", Text("\n".join(fresh) or "nothing"))
    console.print(table)
    print(json.dumps({"custom_id": custom_id, "status": row["status"], "changed": changed, "anew": fresh}))
    raise typer.Exit(1 if changed else 0)


async def _again(
    out: Path, id: str, since: str | None, launch: Launch
) -> tuple[dict[str, Any] | None, Outcome, list[str]]:
    app = load_app(launch.app)
    async with equipped(app, launch, out) as equipment:
        return await rerun(app, home_of(out, id).found(), id, since, equipment, launch)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
