"""The part of `interlock check` for a folder of JSON Schemas: what is proven, checked after, or refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from models.bench.proof.schema_files import read_folder
from models.bench.proof.schema_folder import check_schemas
from models.bench.proof.schema_report import SLOW, SchemaReport
from models.bench.proof.schema_trial import Trial
from models.schema.refusal import keyword_of
from pipeline.errors import UsageError
from scripts.console import console
from scripts.progress import progress_bar
from scripts.shortest import tell_beyond

_SHOWN = 20
_EACH = 40
"""Schemas that are listed one by one; of more, only what they have in common is shown, unless --json is given."""

_LEVELS = ("proven", "checked", "refused", "broken", "crashed", "slow")


def check_folder(folder: Path, trial: Trial, sample: int | None = None) -> tuple[dict[str, float], bool]:
    """Check and show the schemas in `folder`, or in a sample of its files; the counts and times, and whether each is
    enforced, with nothing invalid let through. UsageError."""
    if not folder.exists():
        raise UsageError(f"There is no {folder}: give a JSON Schema, or a folder of them in *.json or *.yaml files.")
    if sample is not None and folder.is_file():
        raise UsageError("--sample draws files of a folder: leave it out beside one file.")
    cases = read_folder(folder, sample, trial.seed)
    if not cases:
        raise UsageError(f"There is no schema in {folder}: give a folder with JSON Schemas in *.json or *.yaml files.")
    with progress_bar() as progress:
        task = progress.add_task("Checking schemas", total=len(cases))
        reports = check_schemas(cases, trial, progress=lambda done: progress.advance(task, done))
    if len(reports) <= _EACH or console.as_json:
        console.print(_each(reports))
    console.print(_keywords(reports))
    if len(reports) > _EACH:
        _tell_those_not_enforced(reports)
    ignored = Counter(name for report in reports for name in report.ignored)
    if ignored:
        named = ", ".join(f"{name} ({times})" for name, times in ignored.most_common(_SHOWN))
        more = f" and {len(ignored) - _SHOWN} more" if len(ignored) > _SHOWN else ""
        console.print(f"Ignored by the standard: {named}{more}", markup=False, highlight=False)
    for line in [f"{report.path}: {detail}" for report in reports for detail in report.details][:_SHOWN]:
        console.print(line, style="red", markup=False)
    least = {report.path: report.least for report in reports if report.enforced}
    if (within := trial.within) is not None:
        tell_beyond({path: one for path, one in least.items() if one is None or one > within}, within)
    times = times_of(reports)
    if times:
        told = ", ".join(f"{value:.1f} ({name.removesuffix('_ms')})" for name, value in times.items())
        console.print(f"From a schema to its first mask, in ms of a processor: {told}", highlight=False)
    return {**counts_of(reports), **times}, all(report.sound and report.enforced for report in reports)


def _tell_those_not_enforced(reports: list[SchemaReport]) -> None:
    left = [report for report in reports if not report.enforced]
    for report in left[:_SHOWN]:
        console.print(f"{report.path}, {report.level}: {next(iter(report.keywords.values()), '')}", markup=False)
    if len(left) > _SHOWN:
        console.print(f"{len(left) - _SHOWN} more are not enforced: --json lists every schema.", markup=False)


_SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "worst_ms": 1}


def times_of(reports: list[SchemaReport]) -> dict[str, float]:
    """Milliseconds from a schema to its first mask, of those that are enforced; nothing where none is."""
    times = sorted(report.seconds for report in reports if report.enforced)
    shares = _SHARES.items() if times else ()
    return {name: round(1e3 * times[min(len(times) - 1, int(len(times) * share))], 2) for name, share in shares}


def counts_of(reports: list[SchemaReport]) -> dict[str, int]:
    levels = Counter(report.level for report in reports)
    enforced = [report for report in reports if report.enforced]
    return {
        "schemas": len(reports),
        "proven": levels["proven"],
        "checked": levels["checked"],
        "refused": levels["refused"],
        "broken": levels["broken"],
        "crashed": levels["crashed"],
        "slow": levels["slow"] + sum(report.seconds > SLOW for report in enforced),
        "invalid_instances": sum(report.invalid_total for report in enforced),
        "invalid_admitted": sum(report.invalid_admitted for report in enforced),
        "valid_instances": sum(report.valid_total for report in enforced),
        "valid_rejected": sum(report.valid_total - report.valid_admitted for report in enforced),
        "attacks": sum(report.attacks for report in enforced),
        "refused_after": sum(report.refused_after for report in enforced),
        "failures": sum(report.failures for report in enforced),
        "passing": sum(report.passing for report in reports),
    }


def _keywords(reports: list[SchemaReport]) -> Table:
    """Schemas by level, and by the keyword that put them there."""
    table = Table(title="JSON Schemas by level and keyword")
    for heading, justify in (("Level", "left"), ("Keyword", "left"), ("Schemas", "right"), ("Why", "left"),
                             ("For example", "left")):  # fmt: skip
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for level in _LEVELS:
        some = [report for report in reports if report.level == level]
        if not some:
            continue
        table.add_row(level, "", str(len(some)), "", "", style="bold")
        rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for report in some:
            for keyword, why in {keyword_of(at): why for at, why in reversed(report.keywords.items())}.items():
                rows[keyword].append((why, report.path))
        for keyword, found in sorted(rows.items(), key=lambda row: -len(row[1])):
            table.add_row("", escape(keyword), str(len(found)), escape(found[0][0]), escape(found[0][1]))
    return table


def _each(reports: list[SchemaReport]) -> Table:
    table = Table(title="JSON Schemas")
    for heading in ("Schema", "Level", "Budget", "Invalid admitted", "Valid admitted", "Failed attacks", "Keywords"):
        table.add_column(heading, justify="left" if heading in ("Schema", "Level", "Keywords") else "right")
    for report in reports:
        cells = [""] * 4
        if report.enforced:
            cells = [
                f"{report.budget:,}" if report.budget else "none",
                f"{report.invalid_admitted} of {report.invalid_total}",
                f"{report.valid_admitted} of {report.valid_total}",
                f"{report.failures} of {report.attacks}",
            ]
        why = "\n".join(at if report.level == "checked" else text for at, text in report.keywords.items())
        table.add_row(escape(report.path), report.level, *cells, escape(why), style=None if report.sound else "red")
    return table
