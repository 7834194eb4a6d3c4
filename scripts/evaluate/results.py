"""`interlock evaluate results`: how far a run agrees with labels: the intent, and whether its status is acceptable.

A label with a list of intents is of a message that holds all of them: its record has to have these parts, in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipeline.errors import UsageError
from scripts.console import console

SAMPLE = Path(__file__).parents[2] / "pipeline" / "workflows" / "travel"
"""The folder of the sample requests and their labels."""


def results(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder that `interlock run` wrote.")],
    labels: Annotated[Path, typer.Option(help="Expected intent and acceptable statuses by custom_id.")] = SAMPLE
    / "requests_labels.jsonl",
) -> None:
    """Intents and statuses of a run, against labels."""
    table, figures = agreement(read_lines(out / "results.jsonl"), read_lines(labels))
    console.print(table)
    print(json.dumps(figures))


def agreement(rows: Iterable[dict[str, Any]], labels: Iterable[dict[str, Any]]) -> tuple[Table, dict[str, int]]:
    """A table of the records that ended otherwise than labelled, and counts over all that have a label."""
    expected = {label["custom_id"]: label for label in labels}
    table = Table("Record", "Intent", "expected", "Status", "expected", title="Otherwise than labelled")
    records = intents = statuses = 0
    for row in rows:
        label = expected.get(row["custom_id"])
        if label is None:
            continue
        fine = label["intent"] if isinstance(label["intent"], list) else [label["intent"]]
        found = [part["intent"] for part in row.get("parts", ())] or [row["intent"]]
        right, ended = found == fine, row["status"] in label["status"]
        records, intents, statuses = records + 1, intents + right, statuses + ended
        if not (right and ended):
            spoken = (", ".join(map(str, found)), ", ".join(fine), row["status"], ", ".join(label["status"]))
            table.add_row(row["custom_id"], *spoken)
    return table, {"records": records, "intent_right": intents, "status_right": statuses}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file. UsageError if it cannot be read."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON Lines ({error}): check the path.") from None
