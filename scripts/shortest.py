"""What `interlock check --within` leaves no room for: contracts and schemas whose shortest text is longer."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.console import console

_SHOWN = 5


def tell_beyond(beyond: Mapping[str, int | None], within: int | None) -> None:
    """Say of which of them the shortest text takes more tokens than `within`, and of which none was found (None)."""
    long = [f"{name} ({least} tokens)" for name, least in beyond.items() if least is not None]
    unknown = [name for name, least in beyond.items() if least is None]
    for names, what in (
        (long, "The shortest text is longer than --within {}, and was the budget, of {}."),
        (unknown, "No shortest text was found, so that --within {} was not the budget, of {}."),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            told = what.format(within, ", ".join(names[:_SHOWN]) + more)
            console.print(told, style="yellow", markup=False, highlight=False)
