"""Options that several commands share, under one name and with one help each."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

TRAVEL = "pipeline.workflows.travel"
"""The sample app, which commands take unless another is named."""

AppOption = Annotated[str, typer.Option("--app", help="Module, or file.py, with `app = App(…)`.")]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", help="A folder, GGUF file or name, http://…[,http://…] (vLLM servers), or vllm:NAME (starts one)."
    ),
]
SecondModelOption = Annotated[
    str, typer.Option("--second-model", help="Asked where the first one's answers break a rule.")
]
GateOption = Annotated[
    Literal["cascade", "encoder", "model"],
    typer.Option(
        "--gate", help="Who tells what a request is for: the encoder, then the model if unsure; or one of them."
    ),
]
TrustOption = Annotated[
    bool | None,
    typer.Option(
        "--trust/--no-trust",
        help="Let the model choose, or do not; default: if it has won its trial (interlock calibrate --model).",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of every draw.")]
EnforcementOption = Annotated[
    Literal["grammar", "prompted"],
    typer.Option(
        "--enforcement", help="What to do with an engine that ignores grammars: stop, or ask in words and check."
    ),
]
ThinkingOption = Annotated[
    int | None,
    typer.Option("--thinking", min=0, help="Tokens a reasoning model may think before each answer; 0: none."),
]
AcceptOption = Annotated[
    bool,
    typer.Option("--accept-changes", help="Go on although the folder was made with something else."),
]
RayOption = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS|local", help="Spread the shards over a Ray cluster, or this machine's cores."
    ),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for an engine that is away, then stop.")
]
OrderedOption = Annotated[
    bool, typer.Option("--ordered", help="Bring the results into the order of the input at the end.")
]
