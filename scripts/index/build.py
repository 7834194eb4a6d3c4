"""`interlock index build`: documents in, an index folder out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import DEFAULT_ENCODER, Embedder, Index, build_index
from index.build import longest_passage
from index.chunking import PASSAGE_TOKENS
from index.reading.ocr import Ocr
from models.fetching.shelf import shelf
from pipeline.errors import UsageError
from scripts.console import console, finish, tell
from scripts.index.contextual import ModelWriter
from scripts.progress import progress_bar

if TYPE_CHECKING:
    from index.cluster import ClusterEmbedder

_MOST_SHOWN = 20


class KindOption(StrEnum):
    """How the nearest vectors are found."""

    auto = "auto"
    flat = "flat"
    ivf = "ivf"
    hnsw = "hnsw"


def build(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Folders and files of documents; s3://… too."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="INDEX", help="The index folder.")],
    encoder: Annotated[str, typer.Option(help="A sentence-transformers model: name or folder.")] = DEFAULT_ENCODER,
    include: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only these files; repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Not these files; repeatable.")] = None,
    column: Annotated[str | None, typer.Option(help="What holds the text of tables' rows.")] = None,
    tokens: Annotated[int, typer.Option(min=16, help="The longest passage, in tokens.")] = PASSAGE_TOKENS,
    kind: Annotated[
        KindOption, typer.Option(help="Of the vector search; auto goes by their number.")
    ] = KindOption.auto,
    device: Annotated[str, typer.Option(help="Where to encode; auto takes a GPU if there is one.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of the encoder; by default as many as cores.")] = None,
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS|local", help="Spread the encoding over a Ray cluster, or over all cores.")
    ] = "",
    ocr: Annotated[
        str, typer.Option(metavar="LANGUAGES", help="Read scanned PDFs by ocrmypdf: eng, deu+eng. Off by default.")
    ] = "",
    contextual: Annotated[
        str, typer.Option(metavar="MODEL", help="Has this model write a sentence of context for each passage.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Encode everything, also what did not change.")] = False,
) -> None:
    """Read SOURCE..., and make their index the current version in INDEX.

    What did not change since the version before is taken from there; the outcome is that of a build from nothing. A
    file that cannot be read is listed with the reason, and the rest is built.
    """
    started = time.perf_counter()
    reader = Ocr(ocr, shelf().parent / "ocr") if ocr else None
    with _encoder(encoder, threads, device, ray) as embedder:
        if tokens > PASSAGE_TOKENS and tokens > (most := longest_passage(embedder.max_tokens)):
            raise UsageError(
                f"{embedder.name} reads {embedder.max_tokens} tokens with a heading: --tokens may be {most}."
            )
        with progress_bar() as bar, ExitStack() as stack:
            task = bar.add_task("Reading documents", total=None)
            writer = None
            if contextual:

                def wrote(count: int) -> None:
                    bar.update(task, completed=count, description=f"Sentences of context by {contextual}")

                writer = stack.enter_context(ModelWriter(contextual, wrote))

            def show(done: int, total: int) -> None:
                # The rate is that of encoding: what was taken over counts as done, and not as speed.
                if bar.tasks[0].total is None:
                    bar.reset(task, total=total, completed=done, description=f"Encoding passages on {embedder.device}")
                bar.update(task, completed=done)

            index = build_index(
                sources,
                out,
                embedder,
                show,
                kind=kind.value,
                full=full,
                tokens=tokens,
                include=include or (),
                exclude=exclude or (),
                column=column,
                ocr=reader,
                context=writer,
            )
        with index:
            _tell(index, out, time.perf_counter() - started, embedder)


@contextmanager
def _encoder(name: str, threads: int | None, device: str, ray: str) -> Iterator[Embedder | ClusterEmbedder]:
    if not ray:
        yield Embedder.for_build(name, threads=threads, device=device)
        return
    if threads or device != "auto":
        raise UsageError("--ray decides where to encode: leave --threads and --device out.")
    from index.cluster import spread  # Ray is an extra, and takes a second to import

    with spread(name, ray) as embedder:
        yield embedder


def _tell(index: Index, out: Path, seconds: float, embedder: Embedder | ClusterEmbedder) -> None:
    manifest, built = index.manifest, index.built
    assert built is not None
    contextual = "context" in manifest.chunker
    unread = Table("What", "Why", title=f"{len(index.unread)} not read")
    for one in index.unread[:_MOST_SHOWN]:
        unread.add_row(Text(one.path), Text(one.reason))
    if len(index.unread) > _MOST_SHOWN:
        unread.add_row("…", f"and {len(index.unread) - _MOST_SHOWN} more")
    if index.unread:
        console.print(unread)
    if built.lost_contexts:
        tell(
            f"The version before had sentences of context ({built.lost_contexts}), and this one has none: to keep them,"
            " take that version up again (interlock index use), and build with --contextual."
        )
    table = Table(title=Text(f"Index {out}, version {manifest.version}"), show_header=False)
    rows = {
        "Documents": f"{manifest.documents:,}, of which {built.unchanged_documents:,} are as they were",
        "Passages": f"{manifest.passages:,}, of which {built.encoded_passages:,} were encoded",
        **({"Sentences of context": f"{built.written_contexts:,} were written"} if contextual else {}),
        "Encoder": f"{manifest.encoder} on {embedder.device}",
        "Search": f"{manifest.kind}, recall@10 {manifest.recall['recall@10']:.1%}" if manifest.recall else "exact",
        "Seconds": f"{seconds:.1f}",
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    console.print(table)
    finish(
        index=str(out),
        version=manifest.version,
        documents=manifest.documents,
        unchanged=built.unchanged_documents,
        passages=manifest.passages,
        encoded=built.encoded_passages,
        **({"contexts_written": built.written_contexts} if contextual else {}),
        encoder=manifest.encoder,
        fingerprint=manifest.fingerprint,
        device=embedder.device,
        kind=manifest.kind,
        recall=manifest.recall,
        unread=[{"path": one.path, "reason": one.reason} for one in index.unread],
        seconds=round(seconds, 2),
    )
