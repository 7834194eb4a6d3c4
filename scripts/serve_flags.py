"""`interlock serve-flags`: what to start a vLLM server of one's own with, so that it enforces our grammars."""

from __future__ import annotations

import json
import re
import shlex
from typing import Annotated

import typer

from models.engines.vllm.jump_forward import closing_flags, refusal, serve_flags, untried
from models.engines.vllm.server import FLAGS
from models.interfaces import VLLM, installed_vllm
from pipeline import UsageError
from scripts.console import tell


def flags(
    jump_forward: Annotated[
        bool | None,
        typer.Option(
            help="Skip the forward passes of tokens the grammar forces; default: if it was tested with vLLM's version."
        ),
    ] = None,
    closing: Annotated[
        bool,
        typer.Option(
            "--closing",
            help="End answers within any budget without jump-forward, too, which has it; no async scheduling.",
        ),
    ] = False,
    version: Annotated[
        str, typer.Option(help="vLLM's version on the machine that serves; default: the one here.")
    ] = "",
) -> None:
    """Print the flags for `python -m vllm.entrypoints.openai.api_server --model …`, to be pasted."""
    chosen = [*FLAGS]
    if version and not re.match(r"v?\d+\.\d+", version):
        raise UsageError(f"--version {version} is no version: write it as 0.32.0.")
    vllm = version.removeprefix("v") or installed_vllm()
    tested = vllm is not None and VLLM.is_tested(vllm)
    if jump_forward and vllm is None:
        raise UsageError(f"{refusal(vllm)} Give the server's --version.")
    if jump_forward and vllm is not None and not tested:
        tell(untried(vllm))
    if jump_forward is None and not tested:
        tell(refusal(vllm))
    jumping = bool(jump_forward) or (tested and jump_forward is None)
    if closing and vllm is None:
        raise UsageError(f"Closing was tested with vLLM {VLLM.series}, and none is here. Give the server's --version.")
    if closing and not jumping and vllm is not None and not tested:
        tell(f"Closing was tested with vLLM {VLLM.series}, and this is {vllm}: a server starts if it has all it takes.")
    if jumping or closing:
        chosen += serve_flags() if jumping else closing_flags()
        tell("The server's Python must be able to import Interlock: install it there, or set PYTHONPATH.")
    print(shlex.join(chosen))
    print(json.dumps({"vllm": vllm, "jump_forward": jumping, "closing": jumping or closing, "flags": chosen}))
