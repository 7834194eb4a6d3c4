"""`interlock new`: a small app that runs, in a folder of its own, for somebody to change into theirs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from pipeline import workflows
from pipeline.errors import UsageError
from scripts.console import finish, tell

STARTER = Path(workflows.__file__).parent / "starter"


def new(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="The folder to make; it may exist if it is empty.")],
) -> None:
    """Write a small app that runs: two intents, an action with its check, documents, requests, labels and a test."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists already and is not empty: nothing was written; give another name.")
    shutil.copytree(STARTER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    tell(f"{folder} has an app that runs; begin with {folder / 'README.md'}.")
    finish(folder=str(folder), begin=str(folder / "README.md"))
