"""Evaluation: what a gate's decisions were worth, against labels. Knows both, and nothing of how they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import calibration_error

BINS = 15


@dataclass(frozen=True)
class Judged:
    """One decision beside its label. `label` may be out_of_scope; `confidence` is the probability given to it.

    `shortlist`: the likeliest intents. `alone`: the encoder needed no model. `asks`: a close call, which a customer
    would be asked about; it counts by the likelier of the two.
    """

    expected: str
    label: str
    confidence: float
    shortlist: tuple[str, ...]
    alone: bool
    asks: bool = False

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


def confusions(judged: Sequence[Judged], most: int = 12) -> list[tuple[str, str, int]]:
    """The most frequent mistakes: expected, decided, how often."""
    counts = Counter((row.expected, row.label) for row in judged if not row.right)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(expected, label, count) for (expected, label), count in ordered[:most]]


def draw(judged: Sequence[Judged], path: Path, title: str) -> None:
    """Save a reliability diagram: per bin of confidence the share of right decisions, and how many there were."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for row in judged:
        bins[min(int(row.confidence * BINS), BINS - 1)].append(row)
    middles = [(number + 0.5) / BINS for number in range(BINS)]
    figure = Figure(figsize=(5, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    right = [sum(row.right for row in part) / len(part) if part else 0.0 for part in bins]
    above.bar(middles, right, width=0.9 / BINS, color="#3b6ea5", label="decisions")
    above.plot([0, 1], [0, 1], "--", color="#888888", label="as told")
    above.set(ylabel="share that was right", ylim=(0, 1), title=title)
    above.legend(loc="upper left")
    below.bar(middles, [len(part) for part in bins], width=0.9 / BINS, color="#888888")
    below.set(xlabel="probability told", ylabel="decisions", xlim=(0, 1), yscale="log" if judged else "linear")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _share(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return round(sum(counted) / len(counted), 4) if counted else None
