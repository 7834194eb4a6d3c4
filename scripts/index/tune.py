"""`interlock index tune`: fits the fusion's constants, or the floor under answers, to an index."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import Embedder, Index, Retriever
from index.evaluation import WRONG, Question, fit_floor, look_up, own_questions, read_answers, read_judged, tune
from index.storage.versions import Pointer, VersionedFolder
from pipeline.errors import UsageError
from scripts.console import console, finish, tell


def tune_index(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    queries: Annotated[Path | None, typer.Option(help="queries.jsonl; else questions of its own.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Judgements, as for `index evaluate`.")] = None,
    n: Annotated[int | None, typer.Option("-n", min=20, help="How many questions of its own (200).")] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Questions with `answer`, or null: fits the floor under answers instead.")
    ] = None,
    wrong: Annotated[
        float | None, typer.Option(min=0.01, help=f"With --answers: what a wrong quote costs, a question 1 ({WRONG}).")
    ] = None,
) -> None:
    """Fit to INDEX how much words count beside the encoder, and keep it in a new version, where it helps.

    With --answers: how near a sentence has to be to a question before it is quoted. What is fitted is found on one half
    of the questions and proved on the other, both ways round.
    """
    if (queries is None) != (qrels is None):
        raise UsageError("--queries and --qrels go together: name both, or neither.")
    if answers is not None and (queries is not None or n is not None):
        raise UsageError("--answers fits the floor alone: leave --queries, --qrels and -n out, or --answers.")
    if queries is not None and n is not None:
        raise UsageError("-n is of the index's own questions: leave it out, or --queries and --qrels.")
    if answers is None and wrong is not None:
        raise UsageError("--wrong is what a wrong quote costs: it needs --answers.")
    folder = VersionedFolder(index)
    pointer = folder.current()
    if answers is not None:
        _tune_floor(index, folder, pointer, answers, WRONG if wrong is None else wrong)
        return
    with Index.open(index) as opened:
        retriever = Retriever(opened, Embedder(opened.manifest.encoder))
        questions: list[Question] = own_questions(retriever, n or 200)
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
        version = _again(index, folder, pointer, "the new constants", fusion=tuned.fusion.row())
    finish(
        index=str(index),
        version=version,
        questions=tuned.questions,
        judged=queries is not None,
        before=round(tuned.before, 4),
        held_out=round(tuned.after, 4),
        fusion=tuned.fusion.row(),
    )


def _tune_floor(index: Path, folder: VersionedFolder, pointer: Pointer, answers: Path, wrong: float) -> None:
    asked = read_answers(answers)
    with Index.open(index) as opened, console.status("Looking up") as status:
        retriever = Retriever(opened, Embedder(opened.manifest.encoder))
        nearest = look_up(retriever, asked, lambda done, total: status.update(f"Looking up: {done} of {total}"))
        fitted = fit_floor(nearest, retriever.floor, wrong)
        present = retriever.floor
    title = f"Index {index}, {fitted.questions} questions, {fitted.unanswerable} without an answer"
    table = Table("", "Quoted from", "Asked from", "Right", "Another sentence", "No answer", title=Text(title))
    for name, floor, shares in (("now", present, fitted.before), ("found", fitted.floor, fitted.after)):
        told = vars(shares)
        cells = [
            f"{told[f'{kind}_quoted']:.1%} quoted, {told[f'{kind}_asked']:.1%} asked"
            for kind in ("right", "wrong", "none")
        ]
        table.add_row(name, f"{floor.quoted:.3f}", f"{floor.asked:.3f}", *cells)
    console.print(table)
    tell("Shares of the floor that was found are of questions which had no part in finding it.")
    version = pointer.version
    if fitted.floor == present:
        tell("No floor found that surely costs less on other questions as well: it stays as it is.")
    else:
        version = _again(index, folder, pointer, "the new floor", floor=fitted.floor.row())
    finish(
        index=str(index),
        version=version,
        questions=fitted.questions,
        unanswerable=fitted.unanswerable,
        floor=fitted.floor.row(),
        before={name: round(share, 4) for name, share in vars(fitted.before).items()},
        held_out={name: round(share, 4) for name, share in vars(fitted.after).items()},
    )


def _again(index: Path, folder: VersionedFolder, pointer: Pointer, what: str, **changed: object) -> int:
    """The same files under a manifest with what changed, as a new version; its number."""

    def rewritten(manifest: bytes, number: int) -> bytes:
        fields = json.loads(manifest)
        fields |= {"version": number, "built": datetime.now(UTC).isoformat(timespec="seconds"), **changed}
        return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()

    version = folder.again(pointer, rewritten)
    tell(f"Version {version} has {what}; take it back with interlock index use {index} {pointer.version}.")
    return version
