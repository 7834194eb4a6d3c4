"""`interlock fetch`: an open model, brought into the user's cache, where every command finds it."""

from __future__ import annotations

from typing import Annotated

import typer

from models.fetching.catalogue import CATALOGUE
from models.fetching.fetch import fetch as fetch_model
from scripts.console import finish, tell


def fetch(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE.gguf", help=f"{', '.join(CATALOGUE)}, or a GGUF file.")],
) -> None:
    """Bring an open model into the cache, as safetensors; --model then takes its name, or the file. Once is enough."""
    done = fetch_model(model, tell)
    tell(f"{done.source}. Licence: {done.license or 'the file names none; ask who made it'}.")
    tell(f"It {'is now' if done.made else 'was there already,'} in {done.folder}.")
    tell(f"Use it with --model {model}, or --model vllm:{model} for a vLLM server.")
    finish(model=model, folder=str(done.folder), source=done.source, license=done.license or None, made=done.made)
