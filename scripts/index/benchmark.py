"""`interlock index benchmark`: how this retriever does on a public test set, beside what others published."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from index import DEFAULT_ENCODER, Embedder, Retriever, build_index
from index.evaluation import Evaluation, Setting, evaluate, interval, read_judged
from index.evaluation.benchmarks import BENCHMARKS, CORPUS, QRELS, QUERIES, Benchmark, check_layout, fetch
from models.fetching.shelf import shelf
from pipeline.errors import UsageError
from scripts.console import console, finish
from scripts.progress import progress_bar

_SHOWN = ("ndcg@10", "recall@20")
_SETTINGS = ("hybrid", "dense", "lexical")


def benchmark(
    name: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help=f"{', '.join(BENCHMARKS)}; or a folder like one.")],
    encoder: Annotated[str, typer.Option(help="A sentence-transformers model: name or folder.")] = DEFAULT_ENCODER,
    setting: Annotated[
        list[str] | None, typer.Option(help="How to search, as `evaluate` takes it; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="INDEX", help="Keep the index here.")] = None,
    device: Annotated[str, typer.Option(help="Where to encode; auto takes a GPU if there is one.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of the encoder; by default as many as cores.")] = None,
) -> None:
    """Fetch a public test set (BEIR), build its index, search for every query of its test split, and print nDCG@10.

    The set is kept in the user's cache. FOLDER holds corpus.jsonl, queries.jsonl and qrels/test.tsv. In BEIR's own sets
    a document with the `_id` of the query is no answer to it, and is left out, as BEIR does.
    """
    settings = [Setting.read(text) for text in setting or _SETTINGS]
    known = BENCHMARKS.get(name)
    folder = _folder(name, known)
    judged = read_judged(folder / QUERIES, folder / QRELS)
    with ExitStack() as stack:
        embedder = Embedder.for_build(encoder, threads=threads, device=device)
        where = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-")), "index")
        bar = stack.enter_context(progress_bar())
        started = time.perf_counter()
        index = stack.enter_context(
            build_index([folder / CORPUS], where, embedder, _counter(bar, f"Encoding on {embedder.device}"))
        )
        seconds = time.perf_counter() - started
        manifest = index.manifest
        retriever = Retriever(index, Embedder(encoder))
        found = [
            evaluate(
                retriever,
                judged.questions,
                one,
                _counter(bar, f"Searching: {one.label}"),
                # A folder of one's own may count queries and documents from 1 each.
                queries_are_documents=known is not None,
            )
            for one in settings
        ]
    published = known.published if known else {}
    title = f"{name}: {manifest.documents:,} documents, {len(judged.questions):,} queries"
    console.print(_table(title, encoder, found, published))
    finish(
        benchmark=name,
        documents=manifest.documents,
        passages=manifest.passages,
        queries=len(judged.questions),
        skipped=judged.skipped,
        encoder=manifest.encoder,
        results=[
            {"setting": one.setting.label, **{key: round(mean, 4) for key, mean in one.means.items()}} for one in found
        ],
        published=dict(published),
        build_seconds=round(seconds, 1),
    )


def _counter(bar: Progress, description: str) -> Callable[[int, int], None]:
    task = bar.add_task(description, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total or None)


def _table(title: str, encoder: str, found: Sequence[Evaluation], published: Mapping[str, float]) -> Table:
    table = Table(title=Text(title))
    for heading in ("What", *_SHOWN):
        table.add_column(heading, justify="left" if heading == "What" else "right")
    for one in found:
        intervals = {measure: interval(one.values[measure]) for measure in _SHOWN}
        cells = (f"{one.means[measure]:.3f} ({low:.3f}–{high:.3f})" for measure, (low, high) in intervals.items())
        table.add_row(Text(f"{one.setting.label}, {encoder}"), *cells)
    for system, value in published.items():
        table.add_row(Text(f"published: {system}"), f"{value:.3f}", "")
    return table


def _folder(name: str, known: Benchmark | None) -> Path:
    if known is None:
        if not Path(name).is_dir():
            raise UsageError(f"'{name}' is no test set: name {', '.join(BENCHMARKS)}, or a folder like theirs.")
        return check_layout(Path(name))
    with progress_bar() as bar:
        return fetch(known, shelf().parent / "beir", _counter(bar, f"Fetching {known.name} (bytes)"))
