"""The `interlock` command: mounts the subcommands, and turns every known error into one sentence on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from index import JudgementsError, KnowledgeError, NotAnIndex, SourceError, WhereError
from models.errors import ContractError, ModelError, ModelNotFound
from pipeline.errors import InterlockError, UsageError
from scripts import bench, evaluate, index
from scripts.answer import answer
from scripts.batch import batch
from scripts.calibrate import calibrate
from scripts.chat import chat
from scripts.check import check
from scripts.commands import Commands
from scripts.completion import completion
from scripts.console import console
from scripts.demo import demo
from scripts.diff import diff
from scripts.doctor import doctor
from scripts.fetch import fetch
from scripts.forget import export, forget
from scripts.inspect import inspect
from scripts.ledger import ledger
from scripts.new import new
from scripts.prompts import prompts
from scripts.replay import replay
from scripts.run import run
from scripts.serve import serve
from scripts.serve_flags import flags
from scripts.train_tiny import train_tiny
from scripts.versions import show_versions

app = Commands(
    name="interlock",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_versions, is_eager=True, help="The versions of Interlock and its parts."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Tables as lines of JSON on stdout; before or behind the command.")
    ] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Wrap no table; through a pipe none is.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing but errors, and the JSON on stdout.")] = False,
) -> None:
    """An LLM pipeline in which no model output moves on until it is proven to fit."""
    console.set_up(as_json=as_json, wide=wide, quiet=quiet)


app.command()(demo)
app.command()(new)
app.command()(run)
app.command()(batch)
app.command()(chat)
app.command()(serve)
app.command()(check)
app.command()(prompts)
app.command()(calibrate)
app.command()(answer)
app.command()(fetch)
app.command()(inspect)
app.command()(diff)
app.command()(doctor)
app.command()(ledger)
app.command()(export)
app.command()(forget)
app.command()(completion)
app.command()(replay)
app.add_typer(index.app, name="index")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(bench.app, name="bench")
app.command("serve-flags")(flags)
app.command("train-tiny")(train_tiny)

USAGE = (UsageError, ContractError, ModelNotFound, SourceError, NotAnIndex, JudgementsError, WhereError)
"""Errors of what the user gave us: exit code 2. All other known errors: 1."""


PROGRAM = "interlock"
GLOBAL = ("--json", "--wide", "--quiet")
"""Options of every command: they may stand anywhere."""


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments with the options of every command in front, where the program itself reads them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own, rest = arguments[:end], arguments[end:]
    return [*(one for one in own if one in GLOBAL), *(one for one in own if one not in GLOBAL), *rest]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command; exits with 0, 1 (something failed), 2 (wrong usage) or 130 (stopped by Ctrl-C or SIGTERM)."""
    if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
        completion_init()  # the shell asks what could follow
    try:
        app(hoisted(sys.argv[1:] if arguments is None else arguments), prog_name=PROGRAM)
    except (InterlockError, ModelError, KnowledgeError) as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, USAGE) else 1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        what = error.strerror or error
        print(f"A file could not be used: {what}{where}; check the path and the disk.", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
