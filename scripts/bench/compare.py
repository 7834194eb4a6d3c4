"""`interlock bench compare`: two runs of `interlock bench decode`, cell by cell, and whether the second is slower."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from pipeline.errors import UsageError
from scripts.console import console, finish

DRAWS = 2000
"""Bootstrap samples of an interval."""

Cells = dict[tuple[str, int, str], list[float]]


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="bench.json of the run to compare with, or its folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="bench.json of the new run, or its folder.")],
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="A loss beyond this share is a regression.")
    ] = 0.05,
) -> None:
    """B's output tokens a second ÷ A's, with 95 % intervals; exit code 1 if a cell is surely slower than the threshold.

    Surely: the whole interval lies below. Runs on different machines compare the machines.
    """
    old, new = _cells(before), _cells(after)
    shared = [key for key in old if key in new]
    if not shared:
        raise UsageError(f"{before} and {after} have no cell in common: run both with the same forms and variants.")
    rows: list[dict[str, Any]] = [
        {"form": form, "concurrency": at_once, "variant": variant, **ratio(old[key], new[key])}
        for key in shared
        for form, at_once, variant in [key]
    ]
    slower = [row for row in rows if row["high"] < 1 - threshold]
    table = Table("form", "at once", "variant", "ratio", "95 %", title=f"{after} ÷ {before}, output tok/s")
    for row in rows:
        style = "red" if row in slower else ""
        interval = f"{row['low']:.3f} – {row['high']:.3f}"
        table.add_row(
            row["form"], str(row["concurrency"]), row["variant"], f"{row['ratio']:.3f}", interval, style=style
        )
    console.print(table)
    finish(regressions=len(slower), threshold=threshold, cells=rows)
    if slower:
        raise typer.Exit(1)


def ratio(old: list[float], new: list[float]) -> dict[str, float]:
    """Ratio of the medians, and its 95 % interval by the bootstrap (each side's rounds drawn anew, seed 0)."""
    draw = np.random.default_rng(0)
    above, below = np.asarray(new), np.asarray(old)
    ratios = np.median(draw.choice(above, (DRAWS, len(above))), axis=1) / np.median(
        draw.choice(below, (DRAWS, len(below))), axis=1
    )
    low, high = np.quantile(ratios, (0.025, 0.975))
    return {"ratio": round(median(new) / median(old), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _cells(path: Path) -> Cells:
    file = path / "bench.json" if path.is_dir() else path
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {
            (cell["form"], cell["concurrency"], cell["variant"]): [float(speed) for speed in cell["each_tok_per_s"]]
            for cell in found["cells"]
        }
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror}): name a folder of `interlock bench decode`."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is no bench.json of `interlock bench decode`: name one of this release.") from None
