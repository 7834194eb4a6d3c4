"""Labelled messages as examples of a gate, and the head that is chosen for them, as it is told to people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from index.intent_features import IntentFeatures
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import Choice, Examples, choose
from pipeline.routing.dataset import Row
from scripts.console import console, tell


def examples_of_rows(rows: Sequence[Row], layers: IntentFeatures) -> Examples:
    """Messages as vectors, and beside them the names of their intents, "close_account" as "close account"."""
    labels = [row.intent for row in rows]
    names = sorted(set(labels) - {OUT_OF_SCOPE})
    named = layers.encode([name.replace("_", " ") for name in names])
    return Examples(layers.encode([row.text for row in rows]), labels, named, layers.dimensions)


def chosen_head(examples: Examples, seed: int) -> Choice:
    """The best way to fit a head, by cross-validation; all that were tried are told."""
    choices = choose(examples, seed=seed, progress=tell)
    if len(choices) > 1:
        table = Table("Head", "Right in scope, held out", title="Heads tried", title_justify="left")
        for one in choices:
            table.add_row(str(one), f"{one.right:.2%}")
        console.print(table)
        lead = choices[0].right - choices[1].right
        tell(f"Chosen: {choices[0]}, {100 * lead:.2f} points before the next.")
    return choices[0]
