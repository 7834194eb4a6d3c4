"""`interlock index evaluate`: whether the index finds what it should, in numbers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from index import Embedder, Index, Retriever
from index.evaluation import MEASURES, Evaluation, Setting, compare, evaluate, interval, read_judged
from scripts.console import console, finish, tell


def measure(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    queries: Annotated[Path, typer.Option(help="queries.jsonl: `_id` and `text`, or `turns`, a line.")],
    qrels: Annotated[Path, typer.Option(help="Judgements: query-id, corpus-id and score between tabs.")],
    setting: Annotated[
        str, typer.Option(help="How to search: hybrid, dense or lexical, then e.g. ,rerank=NAME,diversity=0.2.")
    ] = "hybrid",
    against: Annotated[
        list[str] | None, typer.Option("--compare", help="A setting to compare it with; may be given again.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="By default the one that the index was built with.")] = None,
) -> None:
    """Search INDEX for every query, and measure how well the documents found fit the judgements.

    A document counts as found when one of its passages is. Its name in the judgements is its `_id`, or its path as
    `interlock index search` shows it. Intervals are 95 % bootstrap intervals over queries, comparisons are paired.
    """
    settings = [Setting.read(text) for text in (setting, *(against or []))]
    judged = read_judged(queries, qrels)
    with Index.open(index) as opened:
        retriever = Retriever(opened, Embedder(encoder or opened.manifest.encoder))
        strangers = len(judged.documents - opened.documents().keys())
        if strangers:
            tell(f"{strangers} of {len(judged.documents)} documents that are judged relevant are not in the index.")
        if judged.skipped:
            tell(f"{judged.skipped} queries have no text or no relevant document, and are left out.")
        found: list[Evaluation] = []
        seconds: list[float] = []
        for one in settings:
            with console.status(f"Searching: {one.label}") as status:

                def show(done: int, total: int, label: str = one.label, status: Any = status) -> None:
                    status.update(f"Searching: {label}, {done} of {total} queries")

                started = time.perf_counter()
                found.append(evaluate(retriever, judged.questions, one, show))
                seconds.append(time.perf_counter() - started)
        version = opened.version
    console.print(_table(found))
    first = found[0]
    least = first.least(0.95)
    if least is not None:
        tell(f"`least` = {least:.2f} would keep 95 % of the right documents.")
    finish(
        index=str(index),
        version=version,
        setting=first.setting.label,
        queries=len(judged.questions),
        skipped=judged.skipped,
        unknown_documents=strangers,
        found_nothing=first.nothing,
        **{name: round(mean, 4) for name, mean in first.means.items()},
        intervals={name: [round(end, 4) for end in interval(first.values[name])] for name in MEASURES},
        least=None if least is None else round(least, 3),
        compared=[_comparison(first, other) for other in found[1:]],
        milliseconds_a_query=round(1000 * seconds[0] / len(judged.questions), 2),
    )


def _comparison(first: Evaluation, other: Evaluation) -> dict[str, Any]:
    differences = {name: compare(first.values[name], other.values[name]) for name in MEASURES}
    return {
        "setting": other.setting.label,
        **{name: round(mean, 4) for name, mean in other.means.items()},
        "differences": {
            name: {key: round(value, 4) for key, value in vars(difference).items()}
            for name, difference in differences.items()
        },
    }


def _table(found: list[Evaluation]) -> Table:
    table = Table()
    for heading in ("Setting", *MEASURES):
        table.add_column(heading)
    for one in found:
        cells = []
        for name in MEASURES:
            low, high = interval(one.values[name])
            cells.append(f"{one.means[name]:.3f}\n{low:.3f}–{high:.3f}")
        table.add_row(Text(one.setting.label), *cells)
    for other in found[1:]:
        cells = []
        for name in MEASURES:
            difference = compare(found[0].values[name], other.values[name])
            cells.append(f"{difference.mean:+.3f}\n{difference.low:+.3f}…{difference.high:+.3f}\np {difference.p:.3f}")
        table.add_row(Text(f"{other.setting.label} less {found[0].setting.label}"), *cells)
    return table
