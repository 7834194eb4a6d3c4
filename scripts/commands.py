"""Commands: a program's commands, none of which takes one option twice. Knows no command of ours."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from pipeline.errors import UsageError


class Command(TyperCommand):
    """Raises UsageError where an option that takes one value is written twice: the parser itself would take the last
    and say nothing. A switch without an opposite may be repeated, since it says the same again."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What is left of `args` when the command's own options are read."""
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        rest: list[str] = super().parse_args(ctx, args)  # ends here for --help
        for option, times in Counter(order).items():
            if times > 1 and isinstance(option, TyperOption) and _takes_one(option) and not ctx.resilient_parsing:
                name = "/".join(max(names, key=len) for names in (option.opts, option.secondary_opts) if names)
                raise UsageError(f"{name} is given {times} times, and takes one value: write it once.")
        return rest


class Commands(typer.Typer):
    """A typer.Typer whose commands are of the class `Command`."""

    def command(self, *given: Any, **settings: Any) -> Any:
        """A decorator, as typer.Typer's."""
        return super().command(*given, **{"cls": Command, **settings})


def _takes_one(option: TyperOption) -> bool:
    return not option.multiple and not option.count and (not option.is_flag or bool(option.secondary_opts))
