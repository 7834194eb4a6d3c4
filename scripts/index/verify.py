"""`interlock index verify`: whether every byte of an index is what was written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import Index
from scripts.console import console, finish


def verify(index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")]) -> None:
    """Read all of INDEX's current version, and compare it with the checksums it was written with.

    Opening an index, as every other command does, reads small files whole and of large ones samples.
    """
    started = time.perf_counter()
    with Index.open(index, verify=True) as opened:
        manifest = opened.manifest
        passages = sum(1 for _ in opened.scan())
    seconds = round(time.perf_counter() - started, 2)
    table = Table(title=Text(f"Index {index}, version {manifest.version}: as it was written"))
    table.add_column("File")
    table.add_column("MiB", justify="right")
    table.add_column("SHA-256")
    for name, record in manifest.files.items():
        table.add_row(name, f"{record.bytes / 2**20:,.1f}", record.sha256)
    console.print(table)
    finish(
        index=str(index),
        version=manifest.version,
        built=manifest.built,
        documents=manifest.documents,
        passages=passages,
        kind=manifest.kind,
        recall=manifest.recall,
        files={name: {"bytes": record.bytes, "sha256": record.sha256} for name, record in manifest.files.items()},
        seconds=seconds,
    )
