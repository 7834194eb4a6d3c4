"""How a gate's decisions are told to people: beside their labels, as a table of confusions and a diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.dataset import Row
from pipeline.routing.decision import MARGIN, SHORTLIST, Decision
from pipeline.routing.evaluation import Judged, confusions, draw
from scripts.console import console


def report(judged: Sequence[Judged], plot: Path | None, title: str) -> None:
    """The most frequent confusions as a table on stderr, and the reliability diagram if a place is named for it."""
    table = Table("Expected", "Decided", "Times", title="Confusions", title_justify="left")
    for expected, label, count in confusions(judged):
        table.add_row(expected, label, str(count))
    console.print(table)
    if plot is not None:
        draw(judged, plot, title)


def judged_of(row: Row, decision: Decision, alone: bool) -> Judged:
    """A decision beside its label; a close call counts by the likelier intent."""
    intents = [name for name, _ in decision.candidates if name != OUT_OF_SCOPE][:SHORTLIST]
    shares = dict(decision.candidates)
    label = decision.label or intents[0]
    close = decision.kind == "ambiguous" or (decision.kind == "intent" and decision.margin < MARGIN)
    return Judged(row.intent, label, shares.get(label, 0.0), tuple(intents), alone, close)
