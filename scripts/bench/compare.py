"""`interlock bench compare`: two runs of `interlock bench decode`, cell by cell, and whether the second is slower."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from models.bench.throughput.load import Load
from pipeline.errors import UsageError
from scripts.console import console, finish

DRAWS = 2000
"""Bootstrap samples of an interval."""

SHOWN = 5
"""Cells that are named of those that one run alone has."""

Place = tuple[str, Load, str]
Cells = dict[Place, dict[str, list[float]]]
"""(form, load, variant) → metric → its value in each round."""

METRICS = {
    "output_throughput": True,
    "request_goodput": True,
    "median_ttft_ms": False,
    "median_tpot_ms": False,
    "median_e2el_ms": False,
}
"""What is compared, and whether more of it is better."""


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="bench.json of the run to compare with, or its folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="bench.json of the new run, or its folder.")],
    threshold: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="A loss beyond this share is a regression.")
    ] = 0.05,
) -> None:
    """B's figures ÷ A's, with 95 % intervals; exit code 1 if one is surely worse than the threshold allows.

    Output tokens a second, and where both were measured goodput and the medians of TTFT, TPOT and E2EL. Surely: the
    whole interval lies beyond; a figure with one round on either side has none, and is only shown. Runs on different
    machines compare the machines.
    """
    old, new = _cells(before), _cells(after)
    shared = [key for key in old if key in new]
    if not shared:
        raise UsageError(f"{before} and {after} have no cell in common: run both with the same forms and variants.")
    rows: list[dict[str, Any]] = []
    for key in shared:
        form, load, variant = key
        for metric, more in METRICS.items():
            above, below = new[key].get(metric, []), old[key].get(metric, [])
            if above and below and all(below):
                found = ratio(below, above)
                low, high = found["low"], found["high"]
                worse = low is not None and high is not None and _beyond(low, high, threshold, more)
                about = {"form": form, **load.named, "variant": variant, "metric": metric}
                rows.append(about | found | {"regression": worse, "load": str(load)})
    slower = [row for row in rows if row["regression"]]
    table = Table("form", "load", "variant", "metric", "ratio", "95 %", title=f"{after} ÷ {before}")
    for row in rows:
        style = "red" if row in slower else ""
        interval = "one round" if row["low"] is None else f"{row['low']:.3f} – {row['high']:.3f}"
        shown = (escape(row["form"]), row["load"], row["variant"], row["metric"], f"{row['ratio']:.3f}", interval)
        table.add_row(*shown, style=style)
    console.print(table)
    for path, these, others in ((before, old, new), (after, new, old)):
        if lone := [key for key in these if key not in others]:
            named = "; ".join(", ".join(map(str, key)) for key in lone[:SHOWN])
            console.print(
                f"In {path} alone, not compared: {len(lone)} cells ({named}{' …' * (len(lone) > SHOWN)}).", markup=False
            )
    if not any(row["low"] is not None for row in rows):
        console.print("Nothing is sure: a cell takes two rounds at least on both sides (--repeat).")
    finish(regressions=len(slower), threshold=threshold, cells=rows)
    if slower:
        raise typer.Exit(1)


def _beyond(low: float, high: float, threshold: float, more: bool) -> bool:
    return high < 1 - threshold if more else low > 1 / (1 - threshold)


def ratio(old: list[float], new: list[float]) -> dict[str, float | None]:
    """Ratio of the medians, and its 95 % interval by the bootstrap (each side's rounds drawn anew, seed 0): None
    where a side has one round."""
    found = round(median(new) / median(old), 4)
    if min(len(old), len(new)) < 2:
        return {"ratio": found, "low": None, "high": None}
    draw = np.random.default_rng(0)
    above, below = np.asarray(new), np.asarray(old)
    ratios = np.median(draw.choice(above, (DRAWS, len(above))), axis=1) / np.median(
        draw.choice(below, (DRAWS, len(below))), axis=1
    )
    low, high = np.quantile(ratios, (0.025, 0.975))
    return {"ratio": found, "low": round(float(low), 4), "high": round(float(high), 4)}


def _cells(path: Path) -> Cells:
    file = path / "bench.json" if path.is_dir() else path
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {
            (cell["form"], _load(cell), cell["variant"]): {
                **{name: list(map(float, each)) for name, each in cell.get("each", {}).items()},
                "output_throughput": list(map(float, cell.get("each_output_throughput") or cell["each_tok_per_s"])),
            }
            for cell in found["cells"]
        }
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror}): name a folder of `interlock bench decode`."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is no bench.json of `interlock bench decode`: name one of this release.") from None


def _load(cell: dict[str, Any]) -> Load:
    if "concurrency" in cell:  # as the first releases wrote it
        return Load(cell["concurrency"])
    return Load(cell["max_concurrency"], float(cell["request_rate"]), cell["burstiness"], cell["mix"])
