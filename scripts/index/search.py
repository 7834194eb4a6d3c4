"""`interlock index search`: what the index finds for one question, and why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from index import Embedder, Hit, Hits, Index, Reranker, Retriever, Where
from pipeline.errors import UsageError
from scripts.console import console, finish, tell


def search(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="How many passages.")] = 4,
    encoder: Annotated[str | None, typer.Option(help="By default the one that the index was built with.")] = None,
    where: Annotated[str | None, typer.Option(help="Metadata to fit: 'lang = \"en\" and year >= 2024'.")] = None,
    rerank: Annotated[str | None, typer.Option(help="A cross-encoder to order the best 50: name or folder.")] = None,
    diversity: Annotated[
        float | None, typer.Option(min=0, max=1, help="How much repetition is to be avoided, 0 to 1.")
    ] = None,
    join: Annotated[int, typer.Option(min=0, help="Neighbours to join to each passage, before and after.")] = 0,
    least: Annotated[float | None, typer.Option(min=-1, max=1, help="Least similarity (cosine) of a passage.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how each passage came to its place.")] = False,
) -> None:
    """Show the passages of INDEX that fit QUERY best."""
    if not query.strip():
        raise UsageError("The query is empty: say what to look for.")
    condition = None if where is None else Where(where)  # before the encoder is loaded
    second = Reranker(rerank) if rerank else None
    with Index.open(index) as opened:
        retriever = Retriever(opened, Embedder(encoder or opened.manifest.encoder))
        started = time.perf_counter()
        hits = retriever.search(query, k, where=condition, rerank=second, diversity=diversity, join=join, least=least)
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        version = opened.version
        contexts = [opened.context(hit.passage.id) for hit in hits] if explain else [""] * len(hits)
    if hits:
        console.print(_table(hits, explain, contexts))
    else:
        tell(f"Nothing was found: {hits.nothing}.")
    if explain and hits.account:
        fitting = f" fit the condition, {hits.account.candidates}" if where else ""
        tell(
            f"{hits.account.allowed if where else hits.account.candidates} of {hits.account.passages} passages{fitting}"
            f" were ranked by cosine + {hits.account.lexical_weight:.4f} · BM25."
        )
    finish(
        index=str(index),
        version=version,
        hits=[_row(hit, explain, context) for hit, context in zip(hits, contexts, strict=True)],
        nothing=hits.nothing,
        **({"account": vars(hits.account)} if explain and hits.account else {}),
        milliseconds=milliseconds,
    )


def _table(hits: Hits, explain: bool, contexts: list[str]) -> Table:
    table = Table(show_lines=True)
    for heading in ("Score", "How" if explain else "Dense", *(() if explain else ("Lexical",)), "Where", "Text"):
        table.add_column(heading)
    for hit, context in zip(hits, contexts, strict=True):
        where = f"{hit.passage.id}\n{hit.passage.heading}" + (f"\n({context})" if context else "")
        ranks = [str(rank or "-") for rank in (hit.dense_rank, hit.lexical_rank)]
        how = [_how(hit)] if explain else ranks
        table.add_row(f"{hit.score:.4f}", *how, Text(where), Text(hit.passage.text))
    return table


def _how(hit: Hit) -> str:
    lines = [f"cosine {hit.similarity:.3f}", f"rank {hit.dense_rank or '-'}"]
    lines += [] if hit.bm25 is None else [f"BM25 {hit.bm25:.2f}", f"rank {hit.lexical_rank}"]
    return "\n".join(lines + ([] if hit.rerank is None else [f"re-rank {hit.rerank:.3f}"]))


def _row(hit: Hit, explain: bool, context: str) -> dict[str, Any]:
    row = {"id": hit.passage.id, "heading": hit.passage.heading, "score": round(hit.score, 6)}
    if explain:
        names = ("dense_rank", "lexical_rank", "similarity", "bm25", "rerank")
        row |= {name: getattr(hit, name) for name in names}
        row |= {"context": context} if context else {}
    return row
