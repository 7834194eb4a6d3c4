"""`interlock bench index`: what an index of many passages costs to build, to open, to search and to build again."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from index import Embedder, Index
from index.build import build_version
from index.storage.versions import VersionedFolder
from scripts.bench import incremental, searching
from scripts.bench.corpus import SITES, SyntheticCorpus, SyntheticEmbedder, real_sentences
from scripts.bench.index_plot import write_plot
from scripts.console import console, finish, tell
from scripts.index.build import KindOption

_TOKENS = 1000  # each row stays one passage


def index(
    passages: Annotated[int, typer.Option(min=1000, help="How many.")] = 1_000_000,
    kind: Annotated[KindOption, typer.Option(help="Of the vector search.")] = KindOption.auto,
    queries: Annotated[int, typer.Option(min=20, max=1000, help="How many, one at a time.")] = 1000,
    again: Annotated[
        int, typer.Option("--incremental", help="Documents to build twice with the encoder; 0: none.")
    ] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the encoder; by default as many as cores.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="For the plot, the figures and the index.")] = None,
) -> None:
    """Build an index of synthetic vectors, clustered like an encoder's, and rows of real text; then search it.

    Recall is measured against all vectors, with real questions. `filtered` searches use a condition that keeps 1 %.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        sentences, embedder = real_sentences(), Embedder.for_build(threads=threads, device="cpu")
        tell("Drawing vectors")
        corpus = SyntheticCorpus(passages, sentences, embedder)
        asked = Path(scratch) / "queries.npz"
        np.savez(asked, queries=corpus.queries[:queries], vectors=corpus.query_vectors[:queries])
        figures: dict[str, Any] = {
            "passages": passages,
            "dimensions": int(corpus.vectors.shape[1]),
            "source": sentences.source,
            "likeness": {"real": round(corpus.likeness[0], 3), "drawn": round(corpus.likeness[1], 3)},
            "queries": len(corpus.queries[:queries]),
            **_build(corpus, folder / "index", kind),
        }
        del corpus
        tell("Searching")
        filters = [f'site = "s{number}"' for number in range(SITES)]
        figures |= searching.measure(folder / "index", asked, filters)
        if again:
            tell("Building twice")
            with tempfile.TemporaryDirectory() as library:
                figures["incremental"] = incremental.measure(Path(library), again, sentences, embedder)
        if out:
            (out / "bench.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            write_plot(figures, out / "index.png")
    _show(figures)
    finish(**figures)


def _build(corpus: SyntheticCorpus, folder: Path, kind: KindOption) -> dict[str, Any]:
    started = time.perf_counter()

    def show(done: int, total: int) -> None:
        if done in (0, total):
            tell(f"{done:,} of {total:,} vectors after {time.perf_counter() - started:.0f} s")

    versions = VersionedFolder(folder)
    build_version(corpus.documents(), versions, SyntheticEmbedder(corpus), show, None, kind.value, _TOKENS)
    seconds = time.perf_counter() - started
    with Index.open(folder) as opened:
        manifest = opened.manifest
    return {
        "build_s": round(seconds, 1),
        "build_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,  # Linux counts in KiB
        "kind": manifest.kind,
        "search": dict(manifest.search),
        "stated_recall": dict(manifest.recall),
        "files_mib": {name: round(record.bytes / 2**20, 1) for name, record in manifest.files.items()},
    }


def _show(figures: dict[str, Any]) -> None:
    table = Table(title=f"{figures['passages']:,} passages, kind {figures['kind']} {figures['search']}")
    for heading in ("", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in ("dense", "hybrid", "filtered"):
        table.add_row(name, f"{figures[f'{name}_p50_ms']:.1f}", f"{figures[f'{name}_p99_ms']:.1f}")
    console.print(table)
    console.print(
        f"Built in {figures['build_s']:.0f} s (encoding apart, peak {figures['build_peak_mib']:,} MiB with the corpus),"
        f" {sum(figures['files_mib'].values()):,.0f} MiB on disk; opened in {figures['opened_s']:.2f} s;"
        f" recall@10 {figures['recall@10']:.1%}; a reader has {figures['anonymous_mib']} MiB of its own"
        f" and {figures['mapped_mib']} MiB mapped."
    )
    if "incremental" in figures:
        twice = figures["incremental"]
        console.print(
            f"{twice['documents']:,} documents: {twice['full_s']:.1f} s;"
            f" after {twice['changed']} changed: {twice['incremental_s']:.1f} s ({twice['ratio']:.1%})."
        )
