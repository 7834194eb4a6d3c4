"""Picture: a PNG file of plots side by side, drawn without a screen. Knows matplotlib, and nothing that is plotted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLUE, LIGHT_BLUE, GREY, GREEN, AMBER = "#2563eb", "#93c5fd", "#6b7280", "#059669", "#d97706"


@contextmanager
def picture(path: Path, plots: int, width: float, height: float, title: str = "") -> Iterator[Sequence[Any]]:
    """The axes of so many plots, to be drawn in; sizes in inches. The file is written at the end."""
    import matplotlib  # not before it is needed: every command mounts the bench

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, plots, figsize=(width, height), squeeze=False, layout="constrained")
    yield axes[0]
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
