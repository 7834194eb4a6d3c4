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
from rich.tree import Tree

from pipeline import UsageError
from pipeline.journal import Journal
from pipeline.shards import folders_in, home_of
from pipeline.step import StepRow
from scripts.console import console

LONG = 2_000
"""Characters of a prompt or a result that are shown."""


def inspect(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder of results.")],
    custom_id: Annotated[str, typer.Argument(metavar="[CUSTOM_ID]", help="One record, step by step.")] = "",
    status: Annotated[str, typer.Option(help="Only records with this status.")] = "",
    prompts: Annotated[bool, typer.Option(help="Show prompts and scratchpads as well.")] = False,
) -> None:
    """Show what became of every record, or how one came to its outcome."""
    row = asyncio.run(_one(out, custom_id, prompts) if custom_id else _all(out, status))
    print(json.dumps(row, ensure_ascii=False))


async def _all(out: Path, status: str) -> dict[str, Any]:
    table = Table(title=Text(str(out)), title_justify="left")
    for heading in ("Record", "Status", "Intent", "Ending", "Tries", "Recovered", "Tokens", "Seconds"):
        table.add_column(heading, justify="right" if heading in ("Tries", "Tokens", "Seconds") else "left")
    statuses: Counter[str] = Counter()
    for folder in folders_in(out):
        async with Journal.open(folder.journal) as journal:
            for line in journal.lines():
                row = json.loads(line)
                statuses[row["status"]] += 1
                if status not in ("", row["status"]):
                    continue
                receipt = row["receipt"]
                table.add_row(
                    Text(row["custom_id"]),
                    row["status"].replace("_", " "),
                    row["intent"] or "",
                    Text(_short(ending(row), 60)),
                    str(receipt["attempts"]),
                    ", ".join(receipt["recovered"]),
                    str(sum(receipt["tokens"].values())),
                    f"{receipt['seconds']:.2f}",
                )
    console.print(table)
    return {"records": statuses.total(), "statuses": statuses}


async def _one(out: Path, id: str, prompts: bool) -> dict[str, Any]:
    async with Journal.open(home_of(out, id).found().journal) as journal:
        known = journal.record(id)
        if known is None:
            raise UsageError(f"{out} holds no record '{id}': see `interlock inspect {out}` for all of them.")
        tree = Tree(Text(f"{id}: {(known[1] or 'unfinished').replace('_', ' ')}", style="bold"))
        for role, text in json.loads(known[0]):
            tree.add(Text(f"{role}: {text}", style="italic"))
        steps = journal.steps(id)
        branches: dict[str, Tree] = {}
        for step in sorted(steps, key=lambda step: step.position.count("/")):  # callers before what they called
            around = branches.get(step.position.rpartition("/")[0], tree)
            branches[step.position] = branch = around.add(_heading(step))
            for label, text in _facts(step, prompts):
                branch.add(Text(f"{label}: {_short(text, LONG)}", style="dim"))
        for event in journal.events(id):
            if event["event"] == "Said":
                tree.add(Text(f"told: {event['text']}", style="cyan"))
        trace = journal.traceback(id)
        if trace:
            tree.add(Text(trace.rstrip(), style="red"))
        console.print(tree)
        return {"custom_id": id, "status": known[1], "steps": len(steps)}


def _heading(step: StepRow) -> Text:
    told = [f"{step.seconds * 1000:.1f} ms"]
    if step.attempt > 1:
        told.append(f"try {step.attempt} ({step.detail.get('rung')})")
    if step.completion_tokens:
        told.append(f"{step.prompt_tokens} + {step.completion_tokens} tokens")
    heading = Text(f"{step.position}  {step.name}", style="bold")
    return heading.append(f"  {', '.join(told)}", style="not bold dim")


def _facts(step: StepRow, prompts: bool) -> list[tuple[str, str]]:
    detail = step.detail
    found = [("result", step.result)] if step.error is None else [("error", step.error)]
    found += [(name, detail.get(name)) for name in ("contract", "enforcement", "finish_reason", "model", "scratchpad")]
    found += [("evidence", ", ".join(detail.get("evidence", ())))]
    if prompts:
        found += [(f"prompt, {message['role']}", message["content"]) for message in detail.get("messages", ())]
        found += [("thinking", detail.get("thinking"))]
    return [(label, str(text)) for label, text in found if text not in (None, "")]


def ending(row: dict[str, Any]) -> str:
    """What a line of results.jsonl came to, in words."""
    if row["result"] is not None:
        values = row["result"].items() if isinstance(row["result"], dict) else [("", row["result"])]
        return f"{row['contract']}: " + ", ".join(f"{name} {value}".strip() for name, value in values)
    if row["question"] is not None:
        return str(row["question"]["text"])
    if row["escalation"] is not None:
        return f"{row['escalation']['to']}: {row['escalation']['reason']}"
    return str(row["message"] or row["error"])


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
