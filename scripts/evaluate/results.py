"""`interlock evaluate results`: how far a run agrees with labels: the intent, whether its status is acceptable, and
whether an action was done that should not have been.

A label with a list of intents is of a message that holds all of them: its record has to have these parts, in order. One
with `done` says which actions may be done, by name, and what has to stand in their results; any other is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from models.errors import reason_of
from pipeline.errors import UsageError
from pipeline.journal.queries import reading
from pipeline.journal.rows import ActionRow
from scripts.console import console

SAMPLE = Path(__file__).parents[2] / "pipeline" / "workflows" / "travel"
"""The folder of the sample requests and their labels."""


def results(
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="A folder that `interlock run` wrote.")],
    labels: Annotated[
        Path, typer.Option(help="Expected intent, acceptable statuses and rightful actions by custom_id.")
    ] = SAMPLE / "requests_labels.jsonl",
) -> None:
    """Intents, statuses and actions of a run, against labels."""
    rows = read_lines(out / "results.jsonl", {"custom_id", "status", "intent"})
    journal = out / "journal.sqlite"
    if not journal.is_file():
        raise UsageError(f"There is no {journal}: give the whole folder, which has the actions in its journal.")
    with reading(journal) as queries:
        actions = [action for action in queries.actions() if action.state == "committed"]
    table, figures = agreement(rows, read_lines(labels, {"custom_id", "status", "intent"}), actions)
    console.print(table)
    print(json.dumps(figures))


def agreement(
    rows: Iterable[dict[str, Any]], labels: Iterable[dict[str, Any]], actions: Sequence[ActionRow] = ()
) -> tuple[Table, dict[str, int]]:
    """A table of the records that ended otherwise than labelled, and counts over all that have a label."""
    expected = {label["custom_id"]: label for label in labels}
    table = Table(
        "Record", "Intent", "expected", "Status", "expected", "Wrong actions", title="Otherwise than labelled"
    )
    records = intents = statuses = mistakes = 0
    for row in rows:
        label = expected.get(row["custom_id"])
        if label is None:
            continue
        fine = label["intent"] if isinstance(label["intent"], list) else [label["intent"]]
        found = [part["intent"] for part in row.get("parts", ())] or [row["intent"]]
        wrong = [
            action.name for action in actions if action.record == row["custom_id"] and not _rightful(action, label)
        ]
        right, ended = found == fine, row["status"] in label["status"]
        records, intents, statuses = records + 1, intents + right, statuses + ended
        mistakes += len(wrong)
        if not (right and ended) or wrong:
            spoken = (", ".join(map(str, found)), ", ".join(fine), row["status"], ", ".join(label["status"]))
            table.add_row(row["custom_id"], *spoken, ", ".join(wrong))
    figures = {"records": records, "intent_right": intents, "status_right": statuses, "wrong_actions": mistakes}
    return table, figures


def _rightful(action: ActionRow, label: dict[str, Any]) -> bool:
    """Whether a label lets an action be done, with this result; one that says nothing of actions does."""
    if "done" not in label:
        return True
    wanted = label["done"].get(action.name)
    result = json.loads(action.result or "null")
    facts = result if isinstance(result, dict) else {}
    return wanted is not None and all(facts.get(name) == value for name, value in wanted.items())


def read_lines(path: Path, needed: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file. UsageError if it cannot be read, or one has not all of the `needed` names."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON Lines ({reason_of(error)}): check the file.") from None
    for number, row in enumerate(rows, start=1):
        if missing := needed - (row.keys() if isinstance(row, dict) else set()):
            raise UsageError(f'Row {number} of {path} has no "{min(missing)}": check that it is the file meant.')
    return rows
