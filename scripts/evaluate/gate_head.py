"""Labelled messages as examples of a gate, and the head that is chosen for them, as it is told to people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from index.intent_features import IntentFeatures
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import Choice, Examples, GateModel, choose
from pipeline.routing.dataset import Row
from scripts.console import console, tell
from scripts.progress import progress_bar


def examples_of_rows(rows: Sequence[Row], layers: IntentFeatures) -> Examples:
    """Messages as vectors, and beside them the names of their intents, "close_account" as "close account"."""
    labels = [row.intent for row in rows]
    names = sorted(set(labels) - {OUT_OF_SCOPE})
    named = layers.encode([name.replace("_", " ") for name in names])
    with progress_bar() as bar:
        task = bar.add_task("Reading", total=len(rows))
        vectors = layers.encode([row.text for row in rows], lambda done: bar.update(task, completed=done))
    return Examples(vectors, labels, named, layers.dimensions)


def chosen_head(examples: Examples, seed: int) -> Choice:
    """The best way to fit a head, by cross-validation; all that were tried are told."""
    choices = choose(examples, seed=seed, progress=tell)
    if len(choices) > 1:
        table = Table("Head", "Right in scope, held out", title="Heads tried", title_justify="left")
        for one in choices:
            table.add_row(str(one), f"{one.right:.2%}")
        console.print(table)
        lead = choices[0].right - choices[1].right
        why = "" if lead > 0 else "; what seems better may be luck"
        tell(f"Chosen: {choices[0]}, by {100 * lead:+.2f} points against the next{why}.")
    return choices[0]


def tell_near(model: GateModel) -> dict[str, list[float] | None]:
    """How near misses are told from messages in scope, and by how much that is better; ready for JSON."""
    apart = model.calibration.apart
    if apart is not None:
        how = "scores and the nearest examples" if model.calibration.compares else "scores alone"
        tell(
            f"Chosen for near misses: {how} (told from messages in scope, held out, with the nearest examples"
            f" {apart[0]:.1%} of the time, by scores alone {apart[1]:.1%})."
        )
    return {"near_misses_apart": None if apart is None else list(apart)}
