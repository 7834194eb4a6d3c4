"""Evaluation: what a gate's decisions were worth, against labels. Knows both, and nothing of how they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import calibration_error
from pipeline.routing.curve import Curve

BINS = 15


@dataclass(frozen=True)
class Judged:
    """One decision beside its label. `label` may be out_of_scope; `confidence` is the probability given to it.

    `shortlist`: the likeliest intents. `alone`: the encoder needed no model. `asks`: a close call, which a customer
    would be asked about; it counts by the likelier of the two. `shares`: of the likeliest labels, as probabilities.
    """

    expected: str
    label: str
    confidence: float
    shortlist: tuple[str, ...]
    alone: bool
    asks: bool = False
    text: str = ""
    shares: tuple[tuple[str, float], ...] = ()

    @property
    def right(self) -> bool:
        """Whether it is what was expected."""
        return self.label == self.expected


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Shares between 0 and 1, None where there is nothing to share; an in-scope message turned away counts as wrong."""
    inside = [row for row in judged if row.expected != OUT_OF_SCOPE]
    outside = [row for row in judged if row.expected == OUT_OF_SCOPE]
    alone = [row for row in judged if row.alone]
    return {
        "rows": len(judged),
        "in_scope": len(inside),
        "out_of_scope": len(outside),
        "in_scope_accuracy": _share(row.right for row in inside),
        "out_of_scope_recall": _share(row.right for row in outside),
        "shortlist_recall": _share(row.expected in row.shortlist for row in inside),
        "ece": round(calibration_error([r.confidence for r in judged], [r.right for r in judged], BINS), 4),
        "turned_away": _share(row.label == OUT_OF_SCOPE for row in inside),
        "coverage": _share(row.alone for row in inside),
        "precision_alone": _share(row.right for row in alone),
        "close_calls": _share(row.asks for row in judged),
    }


def curve_of(judged: Sequence[Judged]) -> Curve:
    """What could be decided alone, at which precision: messages that are not turned away, by their likeliest intent."""
    served = [row.label != OUT_OF_SCOPE for row in judged]
    return Curve(
        [row.confidence if kept else 0.0 for row, kept in zip(judged, served, strict=True)],
        [row.right and kept for row, kept in zip(judged, served, strict=True)],
        [row.expected != OUT_OF_SCOPE for row in judged],
    )


def draw(judged: Sequence[Judged], path: Path, title: str) -> None:
    """Save two pictures in one: a reliability diagram (per bin of confidence the share of right decisions, and how many
    there were), and coverage against precision with its 95 % interval.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for row in judged:
        bins[min(int(row.confidence * BINS), BINS - 1)].append(row)
    middles = [(number + 0.5) / BINS for number in range(BINS)]
    figure = Figure(figsize=(10, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1])
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    right = [sum(row.right for row in part) / len(part) if part else 0.0 for part in bins]
    above.bar(middles, right, width=0.9 / BINS, color="#3b6ea5", label="decisions")
    above.plot([0, 1], [0, 1], "--", color="#888888", label="as told")
    above.set(ylabel="share that was right", ylim=(0, 1), title=title)
    above.legend(loc="upper left")
    below.bar(middles, [len(part) for part in bins], width=0.9 / BINS, color="#888888")
    below.set(xlabel="probability told", ylabel="decisions", xlim=(0, 1), yscale="log" if judged else "linear")
    _draw_curve(figure.add_subplot(grid[:, 1]), curve_of(judged))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _draw_curve(axes: Any, curve: Curve) -> None:
    points = curve.points()
    covered = [point.coverage for point in points]
    axes.fill_between(covered, [p.low for p in points], [p.high for p in points], color="#3b6ea5", alpha=0.2)
    axes.plot(covered, [point.precision for point in points], "o-", color="#3b6ea5", label="precision, 95 % interval")
    best = curve.best()
    if best is not None:
        axes.plot([best.coverage], [best.precision], "s", color="#c0504d", markersize=10, label="best reachable")
    axes.set(xlabel="share of in-scope messages decided alone", ylabel="share of these that is right", xlim=(0, 1))
    axes.legend(loc="lower left")


def _share(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return round(sum(counted) / len(counted), 4) if counted else None
