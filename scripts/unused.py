"""Options that were written and would have no effect beside others: refused by name."""

from __future__ import annotations

import typer

from pipeline.errors import UsageError


def refuse_unused(context: typer.Context, why: str, *names: str) -> None:
    """UsageError for the first of a command's parameters, by their Python names, that its user wrote: it, and `why`.

    One that has its default is not refused: only what stands on the command line is.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{max(parameter.opts, key=len)} {why}")
