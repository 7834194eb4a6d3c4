"""How a gate's decisions are told to people: the curve, the point on it, what is confused, which labels look wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.curve import RULE, WISH, Curve, Point
from pipeline.routing.dataset import Row
from pipeline.routing.decision import SHORTLIST, Decision
from pipeline.routing.evaluation import Judged, curve_of, draw
from pipeline.routing.labels import confusions, suspects, to_merge
from scripts.console import console, tell

MOST = 12
"""Confused pairs, and labels that look wrong, that are shown; the last line counts all."""


def report(
    judged: Sequence[Judged],
    plot: Path | None,
    title: str,
    wish: float | None = None,
    encoder: Sequence[Judged] | None = None,
) -> dict[str, Any]:
    """Tables on stderr, the picture if a place is named for it; what is told, ready for JSON.

    `wish`: the precision asked for. `encoder`: what it decides by itself, if a model was asked for `judged`.
    """
    curve = curve_of(judged if encoder is None else encoder)
    best = curve.best(wish)
    _tell_curve(curve, best, wish)
    found, doubtful = confusions(judged), suspects(judged)
    pairs = Table(
        "Taken for each other", "Times", "For example", title="Confused", title_justify="left", show_lines=True
    )
    for pair in found[:MOST]:
        examples = "\n".join(f"{text}  ({label})" for text, label in pair.examples)
        pairs.add_row(Text(f"{pair.first}\n{pair.second}"), str(pair.times), Text(examples))
    console.print(pairs)
    merge = to_merge(found)
    for pair in merge:
        tell(f"{pair.first} and {pair.second} as one label would be {pair.gained:.1%} more right in scope.")
    if doubtful:
        wrong = Table("Message", "Labelled", "Looks like", title="Labels to look at", title_justify="left")
        for one in doubtful[:MOST]:
            wrong.add_row(Text(one.text), one.label, one.likelier)
        console.print(wrong)
    if plot is not None:
        draw(judged, plot, title)
    return {
        "curve": [point.row() for point in curve.points()],
        "best": None if best is None else best.row(),
        "confused": [[pair.first, pair.second, pair.times] for pair in found[:MOST]],
        "merge": [[pair.first, pair.second, round(pair.gained, 4)] for pair in merge],
        "labels_to_look_at": len(doubtful),
    }


def _tell_curve(curve: Curve, best: Point | None, wish: float | None) -> None:
    table = Table(
        "Precision", "95 % interval", "Decided alone", "From probability", title="Without a model, by precision"
    )
    table.title_justify = "left"
    told = {point.threshold: point for point in reversed(curve.points())}  # few messages make few steps
    if best is not None:
        told[best.threshold] = best
    for point in sorted(told.values(), key=lambda point: -point.aim):
        mark = " ←" if point is best else ""
        interval = f"{point.low:.1%}–{point.high:.1%}"
        table.add_row(f"{point.aim:.1%}{mark}", interval, f"{point.coverage:.1%}", f"{point.threshold:.3f}")
    console.print(table)
    if wish is not None and curve.point(wish) is None:
        tell(f"A precision of {wish:.1%} cannot be had here, however little the encoder decides.")
    if best is None:
        tell(f"No point of the curve is worth working at ({RULE}): the encoder decides nothing alone.")
    else:
        tell(f"Best reachable: {best.aim:.1%} right, {best.coverage:.1%} decided alone ({RULE}).")
    high = curve.point(WISH)
    if high is None:
        tell(f"{WISH:.0%} cannot be had: every message would go to a model, or to the customer.")
    elif best is not None and best.aim < WISH:
        tell(f"{WISH:.0%} would cost {best.coverage - high.coverage:.1%} of the messages: {high.coverage:.1%} alone.")


def judged_of(row: Row, decision: Decision, alone: bool) -> Judged:
    """A decision beside its label; a close call counts by the likelier intent."""
    intents = [name for name, _ in decision.candidates if name != OUT_OF_SCOPE][:SHORTLIST]
    shares = dict(decision.candidates)
    label = decision.label or intents[0]
    close = decision.kind == "ambiguous"
    return Judged(
        row.intent, label, shares.get(label, 0.0), tuple(intents), alone, close, row.text, decision.candidates
    )
