"""`interlock index inspect`: what is in an index, and what in it deserves a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import Index
from index.inspection import inspect_index
from scripts.console import console, finish


def inspect(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    alike: Annotated[float, typer.Option(min=0, max=1, help="Cosine from which passages are near-duplicates.")] = 0.95,
    show: Annotated[int, typer.Option(min=0, help="How many of each to show.")] = 5,
) -> None:
    """Show sizes, the lengths of passages, the longest, near-duplicates, and documents that hold no text."""
    with Index.open(index) as opened, console.status("Reading the index"):
        seen = inspect_index(opened, alike, show)
        version = opened.version
    table = Table(title=Text(f"Index {index}, version {version}"))
    for heading in ("Documents", "Passages", "Words in all", "Words a passage (median)", "Megabytes"):
        table.add_column(heading)
    table.add_row(
        *(str(number) for number in (seen.documents, seen.passages, seen.words, seen.median)), f"{seen.bytes / 1e6:.1f}"
    )
    console.print(table)
    lengths = Table("Words", "Passages", "", title="Words of a passage")
    most = max(seen.lengths.values(), default=1)
    for name, count in seen.lengths.items():
        lengths.add_row(name, str(count), "█" * round(30 * count / most))
    console.print(lengths)
    examples = Table("What", "Which", title="To look at", show_lines=True)
    for one, other, cosine in seen.alike[:show]:
        examples.add_row(f"alike ({cosine:.3f})", Text(f"{one}\n{other}"))
    for name, words in seen.longest:
        examples.add_row(f"long ({words} words)", Text(name))
    for name in seen.empty[:show]:
        examples.add_row("no text", Text(name))
    console.print(examples)
    finish(
        index=str(index),
        version=version,
        documents=seen.documents,
        passages=seen.passages,
        words=seen.words,
        median_words=seen.median,
        bytes=seen.bytes,
        near_duplicates=len(seen.alike),
        examined_for_duplicates=seen.examined,
        empty_documents=len(seen.empty),
        lengths=seen.lengths,
        longest=[name for name, _ in seen.longest],
    )
