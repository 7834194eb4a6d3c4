"""`interlock demo`: the sample batch from nothing, in one command: its index, its requests, and what became of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from pipeline.workflows import travel
from scripts.index.build import build
from scripts.run import run

SAMPLE = Path(travel.__file__).parent


def demo(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="OUTDIR", help="Folder for results; the same again continues.")
    ] = Path("runs/sample"),
    limit: Annotated[int | None, typer.Option(min=1, help="Serve only the first requests.")] = None,
) -> None:
    """Serve the sample app's requests with the model and the knowledge that come with Interlock."""
    build([str(SAMPLE / "knowledge")], out / "index")
    requests = SAMPLE / "requests.jsonl"
    if limit is not None:
        with requests.open(encoding="utf-8") as lines:
            first = "".join(islice(lines, limit))
        requests = out / "requests.jsonl"
        requests.write_text(first, encoding="utf-8")
    run(requests, out, index=str((out / "index").resolve()))
