"""`interlock bench embedding`: a build's throughput beside a bare `SentenceTransformer.encode` of the same passages."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from index import DEFAULT_ENCODER, Embedder, iterate_documents
from index.throughput import Throughput
from pipeline.errors import UsageError
from scripts.console import console, finish, tell

_SAMPLE = 256


def embedding(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Folders and files of documents.")],
    documents: Annotated[int, typer.Option(min=1, help="The first so many of them.")] = 2000,
    rounds: Annotated[int, typer.Option(min=1, help="Of one build and one bare run each, in turns.")] = 5,
    encoder: Annotated[str, typer.Option(help="A sentence-transformers model: name or folder.")] = DEFAULT_ENCODER,
    threads: Annotated[int | None, typer.Option(min=1, help="Of both; by default as many as cores.")] = None,
    device: Annotated[str, typer.Option(help="Of both; auto takes a GPU if there is one.")] = "auto",
) -> None:
    """Build an index and run the bare encoder over the same passages in turns, at the batch size that suits it best.

    `ratio`: passages a second of the build's embedding over the bare encoder's, the median of the rounds. `rest`: the
    share of a build that is not embedding.
    """
    found = list(islice(iterate_documents(sources, lambda unread: tell(str(unread))), documents))
    measured = Throughput(found, Embedder.for_build(encoder, threads=threads, device=device))
    if not measured.texts:
        raise UsageError("These documents hold no passage: name some that do.")
    batch, _ = measured.best_batch(_SAMPLE)
    table = Table(title=f"{len(measured.texts):,} passages; bare encoder with batches of {batch}")
    for heading in ("Round", "Bare s", "Embedding s", "Build s", "Ratio"):
        table.add_column(heading, justify="right")
    taken = []
    for number in range(rounds):
        taken.append(one := measured.round(batch, build_first=number % 2 == 1))
        table.add_row(str(number + 1), *(f"{value:.2f}" for value in (one.bare, one.embedding, one.build, one.ratio)))
    console.print(table)
    ratios = sorted(one.ratio for one in taken)
    finish(
        passages=len(measured.texts),
        documents=len(found),
        threads=measured.embedder.threads,
        device=measured.embedder.device,
        precision=measured.embedder.precision,
        batch=batch,
        rounds=rounds,
        bare_per_second=round(median(len(measured.texts) / one.bare for one in taken), 1),
        embedding_per_second=round(median(len(measured.texts) / one.embedding for one in taken), 1),
        ratio=round(median(ratios), 3),
        ratios=[round(ratio, 3) for ratio in ratios],
        rest=round(median(1 - one.embedding / one.build for one in taken), 3),
    )
