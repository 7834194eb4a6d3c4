"""`interlock completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell to complete in.")],
) -> None:
    """Print a shell's completion: source <(interlock completion bash); zsh the same; fish: … | source."""
    print(get_completion_script(prog_name="interlock", complete_var="_INTERLOCK_COMPLETE", shell=shell))
