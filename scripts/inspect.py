"""`interlock inspect`: the records of a run, or one record step by step, read from the journal."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline import UsageError
from pipeline.batch.shards import folders_in, home_of
from pipeline.generation.decoding import LITTLE
from pipeline.journal.journal import Journal
from pipeline.outcome import STATUSES
from pipeline.text import short
from scripts.body import said
from scripts.console import console
from scripts.follow import follow as follow_run
from scripts.record_tree import record_tree
from scripts.unused import refuse_unused


def inspect(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder of results.")],
    custom_id: Annotated[str, typer.Argument(metavar="[CUSTOM_ID]", help="One record, step by step.")] = "",
    status: Annotated[str, typer.Option(help="Only records with this status.")] = "",
    prompts: Annotated[bool, typer.Option(help="Show prompts and scratchpads as well.")] = False,
    suspicious: Annotated[
        bool, typer.Option(help="Only records whose texts a grammar forced out of the model, or a limit cut.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Watch a run that another process works on, until that ends.")
    ] = False,
) -> None:
    """Show what became of every record, or how one came to its outcome."""
    if status not in ("", *STATUSES):
        raise UsageError(f"'{status}' is no status: use {', '.join(STATUSES)}.")
    if custom_id:
        refuse_unused(context, "chooses among all records: leave it out beside one.", "status", "suspicious")
    if follow:
        if custom_id or status or prompts or suspicious:
            raise UsageError(
                "--follow watches all of a run: leave CUSTOM_ID, --status, --prompts and --suspicious out."
            )
        print(json.dumps(follow_run(out), ensure_ascii=False))
        return
    if not custom_id:
        refuse_unused(context, "shows those of one record: name it behind the folder.", "prompts")
    row = asyncio.run(_one(out, custom_id, prompts) if custom_id else _all(out, status, suspicious))
    print(json.dumps(row, ensure_ascii=False))


async def _all(out: Path, status: str, suspicious: bool) -> dict[str, Any]:
    table = Table(title=Text(str(out)), title_justify="left")
    headings = ("Record", "Status", "Intent", "Ending", "Tries", "Recovered", "Tokens", "Seconds")
    for heading in (*headings, *(("Suspicious",) if suspicious else ())):
        table.add_column(heading, justify="right" if heading in ("Tries", "Tokens", "Seconds") else "left")
    statuses: Counter[str] = Counter()
    found = 0
    for folder in folders_in(out):
        async with Journal.open(folder.journal) as journal:
            for line in journal.lines():
                row = json.loads(line)
                statuses[row["status"]] += 1
                if status not in ("", row["status"]):
                    continue
                receipt = row["receipt"]
                why = suspicion(receipt)
                found += bool(why)
                if suspicious and not why:
                    continue
                table.add_row(
                    Text(row["custom_id"]),
                    row["status"].replace("_", " "),
                    row["intent"] or "",
                    Text("\n".join([short(ending(row), 60), *left(row)])),
                    str(receipt["attempts"]),
                    ", ".join(receipt["recovered"]),
                    str(sum(receipt["tokens"].values())),
                    f"{receipt['seconds']:.2f}",
                    *([Text(why)] if suspicious else []),
                )
    console.print(table)
    return {"records": statuses.total(), "statuses": statuses, "suspicious": found}


async def _one(out: Path, id: str, prompts: bool) -> dict[str, Any]:
    async with Journal.open(home_of(out, id).found().journal) as journal:
        known = journal.record(id)
        if known is None:
            raise UsageError(f"{out} holds no record '{id}': see `interlock inspect {out}` for all of them.")
        tree, steps = record_tree(journal, id, prompts)
        console.print(tree)
        return {"custom_id": id, "status": known[1], "steps": steps}


def suspicion(receipt: dict[str, Any]) -> str:
    """What a receipt tells of bad decoding, in words; "" if nothing."""
    mass, full = receipt.get("mass"), receipt.get("full", ())
    little = f"a grammar left the model {100 * mass:.2g} % somewhere" if mass is not None and mass < LITTLE else ""
    return "; ".join(filter(None, [little, f"as long as it may be: {', '.join(full)}" if full else ""]))


def left(row: dict[str, Any]) -> list[str]:
    """What a line of results.jsonl says was asked for and not dealt with, in words."""
    return [f'not dealt with: "{short(text, 60)}"' for text in row.get("unserved", ())]


def ending(row: dict[str, Any]) -> str:
    """What a line of results.jsonl came to, in words."""
    if row["result"] is not None:
        if isinstance(row["result"], dict) and (words := said(row["result"])) is not None:
            return words
        values = row["result"].items() if isinstance(row["result"], dict) else [("", row["result"])]
        return f"{row['contract']}: " + ", ".join(f"{name} {value}".strip() for name, value in values)
    if row["question"] is not None:
        return str(row["question"]["text"])
    if row["escalation"] is not None:
        return f"{row['escalation']['to']}: {row['escalation']['reason']}"
    return str(row["message"] or row["error"])
