"""`interlock index make-questions`: a first draft of a test set from the index's own passages."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from index import Index, Passage
from models.engines.open_engine import check_model, open_engine
from pipeline.errors import UsageError
from pipeline.generation.question_drafts import Drafted, draft_questions
from scripts.console import console, finish, tell


def make_questions(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="The index folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="For queries.jsonl and qrels.tsv.")],
    model: Annotated[str, typer.Option(help="The model that writes them: as `interlock run --model` takes it.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many passages to draw.")] = 50,
    seed: Annotated[int, typer.Option(help="Another seed draws other passages.")] = 0,
) -> None:
    """Draw passages from INDEX and let a model draft a question about each. Read and edit them before they count.

    The judgements say that the document a question was drafted from is relevant; add others that are.
    """
    queries, qrels = out / "queries.jsonl", out / "qrels.tsv"
    for file in (queries, qrels):
        if file.exists():
            raise UsageError(f"{file} is there already: name another folder, your edits would be lost.")
    check_model(model, tell)
    with Index.open(index) as opened:
        drawn = sorted(random.Random(seed).sample(range(len(opened)), min(n, len(opened))))
        drafted = asyncio.run(_draft(opened.passages(drawn), model, seed))
    out.mkdir(parents=True, exist_ok=True)
    queries.write_text("".join(_query(f"q{number}", one) for number, one in enumerate(drafted, start=1)))
    judgements = (f"q{number}\t{one.passage.document}\t1\n" for number, one in enumerate(drafted, start=1))
    qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(judgements))
    table = Table("Question", "Answered by", title="Drafts to read and edit", show_lines=True)
    for one in drafted[:10]:
        table.add_row(Text(one.question), Text(f"{one.quote}\n{one.passage.id}"))
    console.print(table)
    tell(f"Edit {queries} and {qrels}, then: interlock index evaluate {index} --queries {queries} --qrels {qrels}")
    finish(index=str(index), questions=len(drafted), left_out=len(drawn) - len(drafted), out=str(out))


async def _draft(passages: list[Passage], model: str, seed: int) -> list[Drafted]:
    with console.status("Drafting questions") as status:

        def show(done: int, total: int) -> None:
            status.update(f"Drafting questions: {done} of {total}")

        async with open_engine(model, tell) as engine:
            return await draft_questions(engine, passages, seed, show)


def _query(name: str, one: Drafted) -> str:
    about = {"passage": one.passage.id, "answered_by": one.quote}
    return json.dumps({"_id": name, "text": one.question, "metadata": about}, ensure_ascii=False) + "\n"
