"""The part of `interlock check` for a folder of JSON Schemas: each is enforced, or refused by keyword and path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from models.bench.proof.schema_report import SchemaReport, check_schemas
from models.engines.tokenizers import load_tokenizer
from pipeline.errors import UsageError
from scripts.console import console

_SHOWN = 20


def check_folder(folder: Path, attacks: int, tokenizer: str, seed: int) -> tuple[dict[str, int], bool]:
    """Check and show every schema in `folder`; the counts, and whether nothing invalid got through. UsageError."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}: give one with JSON Schemas in *.json files.")
    with console.status("Checking schemas"):
        reports = check_schemas(folder, attacks, load_tokenizer(tokenizer), seed=seed)
    console.print(_table(reports))
    for line in [f"{report.path}: {detail}" for report in reports for detail in report.details][:_SHOWN]:
        console.print(line, style="red", markup=False)
    statuses = Counter(report.status for report in reports)
    counts = {
        "schemas": len(reports),
        "enforced": statuses["enforced"],
        "refused": statuses["refused"],
        "broken": statuses["broken"],
        "invalid_instances": sum(report.invalid_total for report in reports),
        "invalid_admitted": sum(report.invalid_admitted for report in reports),
        "valid_instances": sum(report.valid_total for report in reports),
        "valid_admitted": sum(report.valid_admitted for report in reports),
        "attacks": sum(report.attacks for report in reports),
        "failures": sum(report.failures for report in reports),
    }
    return counts, all(report.sound for report in reports) and not statuses["broken"]


def _table(reports: list[SchemaReport]) -> Table:
    table = Table(title="JSON Schemas")
    for heading in ("Schema", "Status", "Invalid admitted", "Valid admitted", "Failed attacks", "Why"):
        table.add_column(heading, justify="right" if "ed a" in heading or heading.endswith("admitted") else "left")
    for report in reports:
        enforced = report.status == "enforced"
        invalid = f"{report.invalid_admitted} of {report.invalid_total}" if enforced else ""
        valid = f"{report.valid_admitted} of {report.valid_total}" if enforced else ""
        failed = f"{report.failures} of {report.attacks}" if enforced else ""
        style = None if report.sound else "red"
        table.add_row(escape(report.path), report.status, invalid, valid, failed, escape(report.reason), style=style)
    return table
