"""`interlock index tune`: fits the two constants that join dense and lexical search to an index."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import Embedder, Index, Retriever
from index.evaluation import Question, own_questions, read_judged, tune
from index.storage.versions import VersionedFolder
from pipeline.errors import UsageError
from scripts.console import console, finish, tell
from scripts.unused import refuse_unused


def tune_index(
    context: typer.Context,
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    queries: Annotated[Path | None, typer.Option(help="queries.jsonl; else questions of its own.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Judgements, as for `index evaluate`.")] = None,
    n: Annotated[int, typer.Option("-n", min=20, help="How many questions of its own.")] = 200,
) -> None:
    """Fit to INDEX how much words count beside the encoder, and keep it in a new version, where it helps.

    The constants are found on one half of the questions and proved on the other, both ways round.
    """
    if (queries is None) != (qrels is None):
        raise UsageError("--queries and --qrels go together: name both, or neither.")
    if queries is not None:
        refuse_unused(
            context, "is how many questions of its own are made, and --queries gives others: leave it out.", "n"
        )
    folder = VersionedFolder(index)
    pointer = folder.current()
    with Index.open(index) as opened:
        retriever = Retriever(opened, Embedder(opened.manifest.encoder))
        questions: list[Question] = own_questions(retriever, n)
        if queries is not None and qrels is not None:
            questions = [*read_judged(queries, qrels).questions]
        with console.status("Searching") as status:
            tuned = tune(retriever, questions, lambda done, total: status.update(f"Searching: {done} of {total}"))
        present = retriever.fusion
    table = Table(title=Text(f"Index {index}, {tuned.questions} questions"))
    for heading in ("", "Weight of words", "Sure from cosine", "nDCG@10"):
        table.add_column(heading)
    table.add_row("now", f"{present.weight:.3f}", f"{present.sure:.3f}", f"{tuned.before:.3f}")
    table.add_row("found", f"{tuned.fusion.weight:.3f}", f"{tuned.fusion.sure:.3f}", f"{tuned.after:.3f}, held out")
    console.print(table)
    version = pointer.version
    if tuned.fusion == present:
        tell("Nothing found that holds on other questions as well: the constants stay as they are.")
    else:
        version = folder.again(pointer, lambda manifest, number: _with(manifest, number, tuned.fusion.row()))
        tell(
            f"Version {version} has the new constants; take it back with interlock index use {index} {pointer.version}."
        )
    finish(
        index=str(index),
        version=version,
        questions=tuned.questions,
        judged=queries is not None,
        before=round(tuned.before, 4),
        held_out=round(tuned.after, 4),
        fusion=tuned.fusion.row(),
    )


def _with(manifest: bytes, version: int, fusion: dict[str, float]) -> bytes:
    fields = json.loads(manifest)
    fields |= {"version": version, "built": datetime.now(UTC).isoformat(timespec="seconds"), "fusion": fusion}
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()
