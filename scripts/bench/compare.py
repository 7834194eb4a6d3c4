"""`interlock bench compare`: two runs of `interlock bench decode`, cell by cell, and whether the second is worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from pipeline.errors import UsageError
from pipeline.text import short
from scripts.bench.compared_run import ComparedRun, Counts, Place, Rate
from scripts.console import console, finish

DRAWS = 2000
"""Bootstrap samples of an interval."""

SHOWN = 5
"""Cells that are named of those that one run alone has."""

CHANCE = 0.025
"""How likely a loss of counts may be by chance for it to be sure: one side of a 95 % interval."""

METRICS = {
    "output_throughput": True,
    "request_goodput": True,
    "median_ttft_ms": False,
    "median_tpot_ms": False,
    "median_e2el_ms": False,
}
"""What is compared, and whether more of it is better."""

RATE = "highest_request_rate"
WITHIN = ("service level", "share within it")
"""What goodput and highest rates are of."""


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="bench.json of the run to compare with, or its folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="bench.json of the new run, or its folder.")],
    threshold: Annotated[
        float,
        typer.Option(min=0.0, max=0.99, help="A loss beyond this share is a regression; of counts any sure loss is."),
    ] = 0.05,
) -> None:
    """B's figures ÷ A's, with 95 % intervals; exit code 1 if one is surely worse than the threshold allows.

    Output tokens a second, and where both were measured goodput, the medians of TTFT, TPOT and E2EL, and the highest
    rate within the service level. Surely: the whole interval lies beyond; a figure with one round on either side has
    none, and is only shown; a highest rate has what its search is exact to. Valid answers and requests that did not
    fail are counted: any loss that is not chance (Fisher's exact test) is a regression. What else differs (model,
    flags, versions, machine …) is told by name.
    """
    old, new = ComparedRun.read(before), ComparedRun.read(after)
    if not (old.cells.keys() & new.cells.keys() or old.rates.keys() & new.rates.keys()):
        raise UsageError(f"{before} and {after} have no cell in common: run both with the same forms and variants.")
    differences = old.differences(new)
    rows = list(_rows(old, new, threshold, same_level=not any(name in differences for name in WITHIN)))
    worse = [row for row in rows if row["regression"]]
    table = Table("form", "load", "variant", "metric", "ratio", "95 %", title=f"{after} ÷ {before}")
    for row in rows:
        found = "" if row["ratio"] is None else f"{row['ratio']:.3f}"
        shown = (escape(row["form"]), row["load"], row["variant"], row["metric"], found, row["told"])
        table.add_row(*shown, style="red" if row in worse else "")
    console.print(table)
    for line in _notes(differences):
        console.print(line, markup=False, highlight=False)
    for path, these, others in ((before, old, new), (after, new, old)):
        lone = [", ".join(map(str, key)) for key in these.cells if key not in others.cells]
        lone += [f"{form}, {RATE}, {variant}" for form, load, variant in these.rates.keys() - others.rates.keys()]
        if lone:
            named = "; ".join(lone[:SHOWN])
            console.print(
                f"In {path} alone, not compared: {len(lone)} cells ({named}{' …' * (len(lone) > SHOWN)}).", markup=False
            )
    if not any(row["low"] is not None for row in rows if row["metric"] in METRICS):
        console.print("No speed is sure: a cell takes two rounds at least on both sides (--repeat).")
    told = {name: {"before": one, "after": other} for name, (one, other) in differences.items()}
    finish(regressions=len(worse), threshold=threshold, differences=told, cells=rows)
    if worse:
        raise typer.Exit(1)


def _rows(old: ComparedRun, new: ComparedRun, threshold: float, same_level: bool) -> Iterator[dict[str, Any]]:
    """One row a metric of a cell that both have: of highest rates and goodput only within the same service level."""
    for place, rate in old.rates.items():
        if same_level and place in new.rates and (rate.rate or new.rates[place].rate):
            yield _named(place, RATE) | _rates(rate, new.rates[place], threshold)
    for place, cell in old.cells.items():
        if not (other := new.cells.get(place)):
            continue
        for metric, more in METRICS.items():
            above, below = other.figures.get(metric, []), cell.figures.get(metric, [])
            if above and below and all(below) and (same_level or metric != "request_goodput"):
                found = ratio(below, above)
                low, high = found["low"], found["high"]
                known = low is not None and high is not None
                yield (
                    _named(place, metric)
                    | found
                    | {
                        "before": median(below),
                        "after": median(above),
                        "told": f"{low:.3f} – {high:.3f}" if known else "one round",
                        "regression": low is not None and high is not None and _beyond(low, high, threshold, more),
                    }
                )
        for metric, counts in cell.counts.items():
            if metric in other.counts:
                yield _named(place, metric) | _counts(counts, other.counts[metric])


def _named(place: Place, metric: str) -> dict[str, Any]:
    form, load, variant = place
    rate = {"request_rate": "search"} if metric == RATE else {}
    return {"form": form, **load.named, **rate, "variant": variant, "metric": metric, "load": str(load)}


def _beyond(low: float, high: float, threshold: float, more: bool) -> bool:
    return high < 1 - threshold if more else low > 1 / (1 - threshold)


def _rates(old: Rate, new: Rate, threshold: float) -> dict[str, Any]:
    """What the searches are exact to bounds the ratio: there is none where no rate kept the level before."""
    low: float | None = round(new.low / old.high, 4)
    high = round(new.high / old.low, 4) if old.low else None
    if old.low == old.high and new.low == new.high:  # neither search came to a limit
        low = high = None
    return {
        "ratio": round(new.rate / old.rate, 4) if old.rate else None,
        "low": low,
        "high": high,
        "before": old.rate,
        "after": new.rate,
        "told": f"{old.shown} → {new.shown}",
        "regression": low is not None and high is not None and _beyond(low, high, threshold, more=True),
    }


def _counts(old: Counts, new: Counts) -> dict[str, Any]:
    """Whether a smaller share is more than chance, by Fisher's exact test."""
    from scipy.stats import fisher_exact  # type: ignore[import-untyped]  # half a second

    table = [[old.good, old.all - old.good], [new.good, new.all - new.good]]
    chance = float(fisher_exact(table, alternative="greater").pvalue)
    before, after = old.good / old.all, new.good / new.all
    return {
        "ratio": round(after / before, 4) if before else None,
        "low": None,
        "high": None,
        "before": round(before, 4),
        "after": round(after, 4),
        "told": f"{old} → {new}",
        "regression": chance <= CHANCE,
    }


def _notes(differences: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    """What is compared beside the two, and what is not for that reason."""
    for name, (one, other) in differences.items():
        yield f"Not the same {name}: {_said(one)} → {_said(other)}."
    if any(name in differences for name in WITHIN):
        yield "So goodput and highest rates are not compared."


def _said(value: Any) -> str:
    words = [f"{name} {one}" for name, one in value.items()] if isinstance(value, dict) else value
    if words is None or words == []:
        return "none"
    return short(" ".join(map(str, words)) if isinstance(words, list) else str(words))


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
