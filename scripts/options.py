"""Options that several commands share, under one name and with one help each: `from scripts import options`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.errors import UsageError

TRAVEL = "pipeline.workflows.travel"
"""The sample app, which commands take unless another is named."""


def _named(model: str) -> str:
    """As it is. UsageError for nothing, which a variable that is not set leaves in a shell: no model would be asked."""
    if not model.strip():
        raise UsageError("--model names nothing: name a model, or leave it out for the shipped one.")
    return model


App = Annotated[str, typer.Option("--app", help="Module, or file.py, with `app = App(…)`.")]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        callback=_named,
        help="A folder, GGUF file or name, http://…[,http://…] (vLLM servers), or vllm:NAME (starts one).",
    ),
]
SecondModel = Annotated[str, typer.Option("--second-model", help="Asked where the first one's answers break a rule.")]
Index = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="FOLDER",
        parser=lambda path: str(Path(path).resolve()),
        help="An index of the app's knowledge; made in the folder of -o by default.",
    ),
]
Today = Annotated[
    str, typer.Option("--today", help="The day that 'tomorrow' counts from (2026-12-31); default: each message's own.")
]
Gate = Annotated[
    Literal["cascade", "encoder", "model"],
    typer.Option(
        "--gate", help="Who tells what a request is for: the encoder, then the model if unsure; or one of them."
    ),
]
Trust = Annotated[
    bool | None,
    typer.Option(
        "--trust/--no-trust",
        help="Let the model choose, or do not; default: if it has won its trial (interlock calibrate --model).",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every draw.")]
Enforcement = Annotated[
    Literal["grammar", "prompted"],
    typer.Option(
        "--enforcement", help="What to do with an engine that ignores grammars: stop, or ask in words and check."
    ),
]
Thinking = Annotated[
    int | None,
    typer.Option("--thinking", min=0, help="Tokens a reasoning model may think before each answer; 0: none."),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-changes", help="Go on although the folder was made with something else."),
]
Ray = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS|local", help="Spread the shards over a Ray cluster, or this machine's cores."
    ),
]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for an engine that is away, then stop.")]
Ordered = Annotated[bool, typer.Option("--ordered", help="Bring the results into the order of the input at the end.")]
