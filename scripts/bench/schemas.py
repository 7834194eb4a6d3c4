"""`interlock bench schemas`: a folder of JSON Schemas, beside llguidance by itself and Outlines as it comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.bench.proof.schema_folder import check_schemas, read_folder
from models.bench.proof.schema_trial import Rival, Trial
from pipeline.errors import UsageError
from scripts.console import console
from scripts.progress import progress_bar
from scripts.schema_folder import counts_of, times_of

_WAYS: dict[str, Rival | None] = {"interlock": None, "llguidance": "llguidance", "outlines": "outlines"}


def schemas(
    folder: Annotated[Path, typer.Argument(help="JSON Schemas with instances, as MaskBench has them.")],
    sample: Annotated[int | None, typer.Option(min=1, help="So many files, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
) -> None:
    """How many schemas are enforced, how many pass with all their instances, and what compiling them takes."""
    cases = read_folder(folder, sample, seed) if folder.is_dir() else []
    if not cases:
        raise UsageError(f"There is no schema in {folder}: give a folder with JSON Schemas in *.json files.")
    rows: dict[str, dict[str, float]] = {}
    with progress_bar() as progress:
        task = progress.add_task("Compiling", total=len(cases) * len(_WAYS))
        for name, rival in _WAYS.items():
            reports = check_schemas(
                cases, Trial(attacks=0, rival=rival), progress=lambda done: progress.advance(task, done)
            )
            counts = counts_of(reports)
            p50, p95, p99, worst = times_of(reports) if counts["proven"] + counts["checked"] else [0.0] * 4
            times = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "worst_ms": worst}
            rows[name] = {**counts, **{key: round(1e3 * value, 2) for key, value in times.items()}}
    console.print(_table(rows))
    print(json.dumps({"folder": folder.name, "sample": sample, "seed": seed, "rows": rows}))


def _table(rows: dict[str, dict[str, float]]) -> Table:
    table = Table(title="JSON Schemas")
    for heading in ("", "Enforced", "Passing", "Invalid admitted", "Valid rejected", "p50", "p99", "worst"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['proven'] + row['checked']:,.0f} of {row['schemas']:,.0f}",
            f"{row['passing']:,.0f}",
            f"{row['invalid_admitted']:,.0f} of {row['invalid_instances']:,.0f}",
            f"{row['valid_rejected']:,.0f} of {row['valid_instances']:,.0f}",
            *(f"{row[key]:,.1f} ms" for key in ("p50_ms", "p99_ms", "worst_ms")),
        )
    return table
