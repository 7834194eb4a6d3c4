"""`interlock bench pipeline`: what the pipeline does per second, measured on real batches."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from index import Embedder, Index, Retriever
from models.opening import open_engine
from pipeline import Summary, UsageError, load_app, read_requests, run_batch
from scripts.console import console, tell
from scripts.run import TRAVEL

SAMPLE = Path(__file__).parents[2] / "pipeline" / "workflows" / "travel" / "requests.jsonl"


def pipeline(
    model: Annotated[list[str], typer.Option(help="Engines to compare; repeat the option.")] = ["models/tiny"],  # noqa: B006
    requests: Annotated[Path, typer.Option("-i", "--input")] = SAMPLE,
    app_name: Annotated[str, typer.Option("--app")] = TRAVEL,
    concurrency: Annotated[int, typer.Option(min=1)] = 16,
    repeat: Annotated[int, typer.Option(min=1, help="Batches on each engine, in turn.")] = 3,
) -> None:
    """Records and tokens per second of a whole batch, and the share of its time spent outside the engine."""
    rounds = asyncio.run(measure(model, requests, app_name, concurrency, repeat))
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
    print(json.dumps({"requests": requests.name, "concurrency": concurrency, "repeat": repeat, "engines": rows}))


async def measure(
    models: list[str], requests: Path, app_name: str, concurrency: int, repeat: int
) -> dict[str, list[Summary]]:
    """Run the batch `repeat` times on each engine, in turn, each into an empty folder."""
    app_, asked = load_app(app_name), read_requests(requests)
    if app_.knowledge is None:
        raise UsageError(f"The app {app_name} has no knowledge to search: measure one that has.")
    rounds: dict[str, list[Summary]] = {name: [] for name in models}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        embedder = Embedder()
        index = stack.enter_context(await asyncio.to_thread(Index.build, [app_.knowledge], folder / "index", embedder))
        engines = {name: await stack.enter_async_context(open_engine(name, tell)) for name in models}
        for turn in range(repeat + 1):
            for name, engine in engines.items():
                summary = await run_batch(
                    app_,
                    asked,
                    folder / f"{turn}-{len(rounds[name])}-{list(engines).index(name)}",
                    engine=engine,
                    embedder=embedder,
                    retriever=Retriever(index, embedder),
                    concurrency=concurrency,
                    today=date.today(),
                )
                if turn:  # the first batch of each engine warms it up
                    rounds[name].append(summary)
                    tell(f"{name}: {summary.seconds:.1f} s")
    return rounds


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
