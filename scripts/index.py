"""`interlock index`: build an index of Markdown and text files, and search it by hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from index import DEFAULT_ENCODER, Embedder, Index, Retriever
from pipeline.errors import UsageError
from scripts.console import console

app = typer.Typer(help="Build and search the index that answers are drawn from.", no_args_is_help=True)

Encoder = Annotated[str, typer.Option(help="A sentence-transformers model: name or folder.")]


@app.command()
def build(
    sources: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of Markdown and text files.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="INDEX", help="The index folder.")],
    encoder: Encoder = DEFAULT_ENCODER,
) -> None:
    """Read DIR..., and make their index the current version in INDEX."""
    started = time.perf_counter()
    with _bar() as bar:
        task = bar.add_task("Reading documents", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description="Encoding passages", completed=done, total=total)

        with Index.build(sources, out, Embedder(encoder), show) as index:
            manifest = index.manifest
    seconds = round(time.perf_counter() - started, 2)
    table = Table(title=Text(f"Index {out}, version {manifest.version}"))
    for heading in ("Documents", "Passages", "Encoder", "Seconds"):
        table.add_column(heading)
    table.add_row(str(len(manifest.documents)), str(manifest.passages), manifest.encoder, f"{seconds:.1f}")
    console.print(table)
    _finish(
        index=str(out),
        version=manifest.version,
        documents=len(manifest.documents),
        passages=manifest.passages,
        encoder=manifest.encoder,
        fingerprint=manifest.fingerprint,
        seconds=seconds,
    )


@app.command()
def search(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many passages.")] = 4,
    encoder: Annotated[str | None, typer.Option(help="By default the one that the index was built with.")] = None,
) -> None:
    """Show the passages of INDEX that fit QUERY best."""
    if not query.strip():
        raise UsageError("The query is empty: say what to look for.")
    with Index.open(index) as opened:
        retriever = Retriever(opened, Embedder(encoder or opened.manifest.encoder))
        started = time.perf_counter()
        hits = retriever.search(query, k)
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        version = opened.version
    table = Table(show_lines=True)
    for heading in ("Score", "Dense", "Lexical", "Where", "Text"):
        table.add_column(heading)
    for hit in hits:
        where = f"{hit.passage.id}\n{hit.passage.heading}"
        ranks = (str(rank or "-") for rank in (hit.dense_rank, hit.lexical_rank))
        table.add_row(f"{hit.score:.4f}", *ranks, Text(where), Text(hit.passage.text))
    console.print(table)
    rows = [{"id": hit.passage.id, "heading": hit.passage.heading, "score": round(hit.score, 6)} for hit in hits]
    _finish(index=str(index), version=version, hits=rows, milliseconds=milliseconds)


def _bar() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)


def _finish(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False))
