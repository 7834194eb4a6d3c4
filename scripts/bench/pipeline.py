"""`interlock bench pipeline`: what the pipeline does per second, measured on real batches."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.table import Table

from models.engines.engine import Engine
from models.engines.open_engine import check_model, open_engine
from pipeline import App, Launch, Listener, Summary, UsageError, load_app, read_requests, run_batch
from scripts.bench.bare import beside_bare, report, write_reports
from scripts.bench.explain import Explanation, explained
from scripts.bench.null_engine import measure as measure_instant
from scripts.console import console, tell
from scripts.equipment import equipped
from scripts.options import TRAVEL
from scripts.unused import refuse_unused

SAMPLE = Path(__file__).parents[2] / "pipeline" / "workflows" / "travel" / "requests.jsonl"


def pipeline(
    context: typer.Context,
    model: Annotated[list[str], typer.Option(help="Engines to compare; repeat the option.")] = ["models/tiny"],  # noqa: B006
    requests: Annotated[Path, typer.Option("-i", "--input")] = SAMPLE,
    app_name: Annotated[str, typer.Option("--app")] = TRAVEL,
    concurrency: Annotated[int, typer.Option(min=1)] = 16,
    repeat: Annotated[int, typer.Option(min=1, help="Batches on each engine, in turn.")] = 3,
    instant: Annotated[bool, typer.Option("--instant", help="An engine that answers at once; memory as well.")] = False,
    lines: Annotated[list[int] | None, typer.Option(min=1, help="Of the input; repeat the option.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="One more batch: where a record's time goes.")] = False,
    bare: Annotated[str, typer.Option(help="A server, http://… or vllm:NAME, asked by a bare client as well.")] = "",
) -> None:
    """Records and tokens per second of a whole batch, and the share of its time spent outside the engine.

    `--instant` measures the pipeline alone, on inputs of so many lines; `--bare` its share of what a server can do.
    """
    if instant and bare:
        raise UsageError("--instant and --bare are measured apart: give one of them.")
    if instant or bare:
        way = "--instant" if instant else "--bare"
        refuse_unused(context, f"is not of {way}: leave it out.", "model", "requests", "app_name", "explain")
    else:
        refuse_unused(context, "is of --instant and --bare, which make their input: add one of them.", "lines")
    if bare and len(lines or []) > 1:
        raise UsageError("Several --lines are for --instant: give one beside --bare.")
    if instant:
        _show_instant(lines or [20_000], concurrency, repeat)
    elif bare:
        rows = (lines or [200])[0]
        app = App("bare", [report])
        _show_bare(asyncio.run(beside_bare(bare, app, write_reports(rows), rows, concurrency, repeat)))
    else:
        _show_engines(model, requests, app_name, concurrency, repeat, explain)


def _show_engines(
    model: list[str], requests: Path, app_name: str, concurrency: int, repeat: int, explain: bool
) -> None:
    rounds, parts = asyncio.run(measure(model, requests, app_name, concurrency, repeat, explain))
    table = Table(title=f"{requests.name}, {concurrency} records at once, medians of {repeat} interleaved batches")
    for heading in (
        "Engine",
        "records/s",
        "completion tok/s",
        "all tok/s",
        "outside the engine",
        "spread of records/s",
    ):
        table.add_column(heading, justify="left" if heading == "Engine" else "right")
    rows = [{"model": name, **_figures(summaries)} for name, summaries in rounds.items()]
    for row in rows:
        spread = f"{row['slowest']:.2f}–{row['fastest']:.2f}"
        figures = (f"{row['records_per_s']:.2f}", f"{row['completion_per_s']:.0f}", f"{row['tokens_per_s']:.0f}")
        table.add_row(str(row["model"]), *figures, f"{row['outside']:.1%}", spread)
    console.print(table)
    if parts:
        console.print(explained(parts))
    found: dict[str, Any] = {"requests": requests.name, "concurrency": concurrency, "repeat": repeat, "engines": rows}
    print(json.dumps(found | ({"explained": parts} if parts else {})))


def _show_instant(lines: list[int], concurrency: int, repeat: int) -> None:
    """A table of batches with the instant engine, by lines; of the memory it shows the most, not the median."""
    table = Table(title=f"Three steps, instant engine, {concurrency} records at once, medians of {repeat} batches")
    for heading in ("lines", "records/s", "seconds of CPU", "peak MiB"):
        table.add_column(heading, justify="right")
    rows = []
    for lines_ in lines:
        batches = [measure_instant(lines_, concurrency) for _ in range(repeat)]
        row = {name: median(batch[name] for batch in batches) for name in ("records_per_s", "cpu_seconds")}
        rows.append({"lines": lines_, **row, "peak_mib": max(batch["peak_mib"] for batch in batches)})
        table.add_row(
            f"{lines_:,}", f"{row['records_per_s']:.0f}", f"{row['cpu_seconds']:.1f}", f"{rows[-1]['peak_mib']:.0f}"
        )
    console.print(table)
    print(json.dumps({"concurrency": concurrency, "repeat": repeat, "instant": rows}))


def _show_bare(figures: dict[str, Any]) -> None:
    console.print(
        f"{figures['batch_per_s']} requests/s through the pipeline, {figures['bare_per_s']} from a bare client:"
        f" {figures['ratio']:.1%}"
    )
    print(json.dumps(figures))


async def measure(
    models: list[str], requests: Path, app_name: str, concurrency: int, repeat: int, explain: bool = False
) -> tuple[dict[str, list[Summary]], dict[str, dict[str, Any]]]:
    """Run the batch `repeat` times on each engine, in turn, each into an empty folder; and once more to `explain`."""
    app_, asked = load_app(app_name), read_requests(requests)
    if app_.knowledge is None:
        raise UsageError(f"The app {app_name} has no knowledge to search: measure one that has.")
    rounds: dict[str, list[Summary]] = {name: [] for name in models}
    parts: dict[str, dict[str, Any]] = {}
    numbers = count()
    for name in models:
        check_model(name, tell)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with equipped(app_, Launch(), folder) as equipment, AsyncExitStack() as stack:
            engines = {name: await stack.enter_async_context(open_engine(name, tell)) for name in models}

            async def batch(engine: Engine, listeners: Sequence[Listener] = ()) -> Summary:
                return await run_batch(
                    app_,
                    asked,
                    folder / str(next(numbers)),
                    replace(equipment, engine=engine),
                    Launch(concurrency=concurrency),
                    today=date.today(),
                    listeners=listeners,
                )

            for turn in range(repeat + 1):
                for name, engine in engines.items():
                    summary = await batch(engine)
                    if turn:  # the first batch of each engine warms it up
                        rounds[name].append(summary)
                        tell(f"{name}: {summary.seconds:.1f} s")
            for name, engine in engines.items() if explain else ():
                explanation = Explanation(engine)
                await explanation.begin()
                await batch(explanation.engine, [explanation.listen])
                parts[name] = await explanation.figures(name.removeprefix("vllm:"))
    return rounds, parts


def _figures(summaries: list[Summary]) -> dict[str, float]:
    rates = [summary.records / summary.seconds for summary in summaries]
    return {
        "records_per_s": round(median(rates), 3),
        "completion_per_s": round(median(s.tokens["completion"] / s.seconds for s in summaries), 1),
        "tokens_per_s": round(median(sum(s.tokens.values()) / s.seconds for s in summaries), 1),
        "outside": round(median(1 - s.engine_seconds / s.seconds for s in summaries), 4),
        "slowest": round(min(rates), 3),
        "fastest": round(max(rates), 3),
    }
