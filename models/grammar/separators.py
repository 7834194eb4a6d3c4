"""Separators: what stands between the parts of a JSON text. Compact, as the shipped model learned it, or with one blank
behind each comma and colon, as nearly every other model writes: its own tokens hold that blank, and a grammar without
it leaves the model only tokens that it would hardly ever have chosen.
"""

from __future__ import annotations

from typing import NamedTuple


class Separators(NamedTuple):
    """In the order in which `json.dumps(separators=…)` takes them."""

    comma: str
    colon: str


COMPACT = Separators(",", ":")
SPACED = Separators(", ", ": ")


def separators(spaced: bool) -> Separators:
    """Those with blanks, or those without."""
    return SPACED if spaced else COMPACT
