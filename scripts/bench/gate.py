"""`interlock bench gate`: intent and form from one completion against one call for each, on the same engine."""

from __future__ import annotations

import asyncio
import copy
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.table import Table

from models.grammar.grammar import normalise
from pipeline import App, Equipment, Launch, load_app, read_requests, run_batch
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.decision import shortlist
from pipeline.routing.router import open_router
from pipeline.workflow import Workflow
from scripts.bench.oracle_engine import Deciding
from scripts.bench.pipeline import SAMPLE
from scripts.console import console, tell
from scripts.equipment import equipped
from scripts.options import TRAVEL

LABELS = SAMPLE.with_name("requests_labels.jsonl")
WAYS = ("fused", "apart")
FORMS, ALL = "with a form", "all"
"""Requests of which the encoder is not sure: those whose workflow begins with a form, and these and all others."""


def gate(
    model: Annotated[
        str, typer.Option(help="How well it decides does not matter: it gets the labels' letters.")
    ] = "models/tiny",
    copies: Annotated[int, typer.Option(min=1, help="Of each request, for longer batches.")] = 3,
    concurrency: Annotated[int, typer.Option(min=1)] = 16,
    repeat: Annotated[int, typer.Option(min=1, help="Batches each way, in turn.")] = 5,
    lines: Annotated[int | None, typer.Option(min=1, help="At most so many requests of each kind.")] = None,
) -> None:
    """Records/s of the sample requests of which the encoder is not sure: fused gate against two calls."""
    rounds = asyncio.run(measure(model, copies, concurrency, repeat, lines))
    table = Table(title=f"{model}, {concurrency} records at once, medians of {repeat} interleaved batches")
    for heading in ("Requests", "fused, records/s", "two calls, records/s", "ratio", "spread", "calls a record"):
        table.add_column(heading, justify="left" if heading == "Requests" else "right")
    rows = {name: _figures(rounds[name]) for name in rounds}
    for name, row in rows.items():
        spread = f"{row['ratio_least']:.2f}–{row['ratio_most']:.2f}"
        calls = f"{row['fused_calls']:.2f} / {row['apart_calls']:.2f}"
        told = [f"{row[each]:.2f}" for each in ("fused_per_s", "apart_per_s", "ratio")]
        table.add_row(f"{name} ({row['requests']:.0f})", *told, spread, calls)
    console.print(table)
    found = {"model": model, "concurrency": concurrency, "repeat": repeat, "copies": copies}
    print(json.dumps({**found, "ratio": rows[FORMS]["ratio"], "ratio_all": rows[ALL]["ratio"], "sets": rows}))


@dataclass(frozen=True)
class Batch:
    """One batch of a set of requests: how fast it was, and how many calls were made."""

    requests: int
    per_s: float
    calls: int


async def measure(
    model: str, copies: int, concurrency: int, repeat: int, lines: int | None
) -> dict[str, dict[str, list[Batch]]]:
    """By set of requests and by way: `repeat` batches each, in turn, after one that warms up."""
    app = load_app(TRAVEL)
    apart = replace(app, workflows=[_without_form(workflow) for workflow in app.workflows])
    apps = dict(zip(WAYS, (app, apart), strict=True))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with equipped(app, Launch(model=model), folder) as equipment:
            labels = await asyncio.to_thread(_unsure, app, equipment)
            forms = {workflow.intent for workflow in app.workflows if workflow.form is not None}
            sets = {FORMS: {text: label for text, label in labels.items() if label in forms}, ALL: labels}
            sets = {name: dict(islice(chosen.items(), lines)) for name, chosen in sets.items()}
            rounds: dict[str, dict[str, list[Batch]]] = {name: {way: [] for way in WAYS} for name in sets}
            numbers = count()
            for turn in range(repeat + 1):
                for name, chosen in sets.items():
                    for way in WAYS if turn % 2 else WAYS[::-1]:
                        out = folder / str(next(numbers))
                        batch = await _batch(apps[way], chosen, out, equipment, copies, concurrency)
                        if turn:
                            rounds[name][way].append(batch)
                            tell(f"{name}, {way}: {batch.per_s:.1f} records/s")
    return rounds


async def _batch(
    app: App, labels: Mapping[str, str], out: Path, equipment: Equipment, copies: int, concurrency: int
) -> Batch:
    requests = out.with_suffix(".jsonl")
    lines = [
        json.dumps({"custom_id": f"{n}-{copy}", "text": t}) for copy in range(copies) for n, t in enumerate(labels)
    ]
    requests.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert equipment.engine is not None
    engine = Deciding(equipment.engine, labels)
    summary = await run_batch(
        app,
        read_requests(requests),
        out,
        replace(equipment, engine=engine),
        Launch(concurrency=concurrency, trust=True),
        today=date.today(),
    )
    return Batch(summary.records, summary.records / summary.seconds, engine.calls)


def _unsure(app: App, equipment: Equipment) -> dict[str, str]:
    """The sample requests that a model would be asked about, and what they are: those with one label, on offer."""
    texts = {row["custom_id"]: row.get("text") for row in map(json.loads, SAMPLE.read_text("utf-8").splitlines())}
    assert equipment.embedder is not None
    router = open_router(app, equipment.embedder)
    chosen: dict[str, str] = {}
    for row in map(json.loads, LABELS.read_text("utf-8").splitlines()):
        text, label = normalise(texts[row["custom_id"]] or ""), row["intent"]
        if not text or not isinstance(label, str):
            continue
        decision = router.decide(text)
        if not decision.sure and label in (OUT_OF_SCOPE, *shortlist(decision.candidates, sure=False)):
            chosen[text] = label
    return chosen


def _without_form(workflow: Workflow) -> Workflow:
    other = copy.copy(workflow)
    other.form = None
    return other


def _figures(ways: Mapping[str, Sequence[Batch]]) -> dict[str, Any]:
    fused, apart = (ways[way] for way in WAYS)
    ratios = [one.per_s / other.per_s for one, other in zip(fused, apart, strict=True)]
    return {
        "requests": fused[0].requests,
        "fused_per_s": round(median(batch.per_s for batch in fused), 3),
        "apart_per_s": round(median(batch.per_s for batch in apart), 3),
        "ratio": round(median(ratios), 3),
        "ratio_least": round(min(ratios), 3),
        "ratio_most": round(max(ratios), 3),
        "fused_calls": round(fused[0].calls / fused[0].requests, 3),
        "apart_calls": round(apart[0].calls / apart[0].requests, 3),
    }
