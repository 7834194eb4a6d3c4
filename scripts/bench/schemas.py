"""`interlock bench schemas`: a folder of JSON Schemas, beside llguidance by itself and Outlines as it comes."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from models.bench.proof.enum_times import PLACES, enum_seconds
from models.bench.proof.mask_times import MaskTimes, measure, quantile
from models.bench.proof.schema_files import read_folder
from models.bench.proof.schema_folder import check_schemas
from models.bench.proof.schema_trial import Case, Rival, Trial
from models.contract import Contract
from models.engines.tokenizers import load_tokenizer
from models.errors import ContractError, EngineError
from pipeline.errors import UsageError
from scripts.console import console
from scripts.progress import progress_bar
from scripts.schema_folder import counts_of, times_of

_MASKS = 400
"""Masks of a text, at most: one within the default bounds may have a hundred thousand."""

_SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}

_WAYS: dict[str, Rival | None] = {"interlock": None, "llguidance": "llguidance", "outlines": "outlines"}


def schemas(
    folder: Annotated[Path, typer.Argument(help="JSON Schemas with instances, as MaskBench has them.")],
    sample: Annotated[int | None, typer.Option(min=1, help="So many files, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    masks: Annotated[
        str | None, typer.Option(help="Measure masks too, with the tokens of this: tekken (131,072) or a model.")
    ] = None,
    enum: Annotated[
        list[int] | None, typer.Option(min=1, help="Compile enums of so many values too; may be given several times.")
    ] = None,
) -> None:
    """How many schemas are enforced, how many pass with all their instances, and what it takes from a schema to its
    first mask."""
    cases = read_folder(folder, sample, seed) if folder.is_dir() else []
    if not cases:
        raise UsageError(f"There is no schema in {folder}: give a folder with JSON Schemas in *.json or *.yaml files.")
    rows: dict[str, dict[str, float]] = {}
    with progress_bar() as progress:
        task = progress.add_task("Compiling", total=len(cases) * len(_WAYS))
        for name, rival in _WAYS.items():
            reports = check_schemas(
                cases, Trial(attacks=0, rival=rival), progress=lambda done: progress.advance(task, done)
            )
            rows[name] = {**counts_of(reports), **times_of(reports)}
    console.print(_table(rows))
    report: dict[str, object] = {"folder": folder.name, "sample": sample, "seed": seed, "rows": rows}
    if masks is not None:
        report["masks"] = _masks(cases, masks, seed)
        console.print(f"A mask of our own, in µs: {report['masks']}", highlight=False)
    if enum:
        report["enums"] = found = _enums(enum, seed)
        console.print(_enum_table(found))
    print(json.dumps(report))


def _enums(sizes: list[int], seed: int) -> list[dict[str, Any]]:
    """Milliseconds from a schema to its first mask, of enums of texts."""
    return [
        {
            "values": values,
            "where": where,
            "interlock_ms": round(1e3 * enum_seconds(values, where, seed=seed), 1),
            "llguidance_ms": round(1e3 * enum_seconds(values, where, "llguidance", seed), 1),
        }
        for values in sizes
        for where in PLACES
    ]


def _enum_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Enums, from the schema to the first mask")
    for heading in ("Values", "Where", "interlock", "llguidance"):
        table.add_column(heading, justify="left" if heading == "Where" else "right")
    for row in rows:
        table.add_row(
            f"{row['values']:,}", row["where"], f"{row['interlock_ms']:,.1f} ms", f"{row['llguidance_ms']:,.1f} ms"
        )
    return table


def _masks(cases: list[Case], tokenizer: str, seed: int) -> dict[str, float]:
    """Microseconds of a mask along plausible and along random texts of every schema: within the default bounds, and
    without an end ("open"), as engines take it that close a text."""
    tokens, random = load_tokenizer(tokenizer), Random(seed)
    forms = {"": MaskTimes(), "open_": MaskTimes()}
    for case in track(cases, "Filling masks", console=console, transient=True):
        try:
            contract = Contract.from_json_schema(case.schema, file=case.file)
            for form, times in forms.items():
                times.merge(measure(contract, (), (), tokens, random, walks=1, most=_MASKS, open=bool(form)))
        except (ContractError, EngineError):  # the table says which are refused
            continue
    figures: dict[str, float] = {}
    for form, times in forms.items():
        for kind, values in (("plausible", times.plausible), ("random", times.random)):
            key = f"{form}{kind}"
            figures |= {f"{key}_{name}": round(quantile(values, share) / 1e3, 1) for name, share in _SHARES.items()}
            figures[f"{key}_masks"] = len(values)
    return figures


def _table(rows: dict[str, dict[str, float]]) -> Table:
    table = Table(title="JSON Schemas")
    for heading in ("", "Enforced", "Passing", "Invalid admitted", "Valid rejected", "p50", "p95", "p99", "worst"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['proven'] + row['checked']:,.0f} of {row['schemas']:,.0f}",
            f"{row['passing']:,.0f}",
            f"{row['invalid_admitted']:,.0f} of {row['invalid_instances']:,.0f}",
            f"{row['valid_rejected']:,.0f} of {row['valid_instances']:,.0f}",
            *(f"{row.get(key, 0):,.1f} ms" for key in ("p50_ms", "p95_ms", "p99_ms", "worst_ms")),
        )
    return table
