"""Collection: lists, sets, tuples and dicts as pieces. Knows their lengths; leaves what is in them to its caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from models.errors import ContractError
from models.pieces.piece import Piece, text_piece
from models.pieces.sheet import NoText, Sheet, closed, ordered

Inner = Callable[[Any, str], Piece]
"""The piece of an annotation at a place."""


def items(annotation: Any, limits: dict[str, Any], where: str, sheet: Sheet, inner: Inner) -> Piece:
    """A list with bounded length."""
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    if most is None:
        raise ContractError(f"{where} is a list without an end.", "Add Field(max_length=…).")
    ordered(least, most, where)
    try:
        item = inner(get_args(annotation)[0], f"{where}[…]")
    except NoText:
        if least:
            raise
        return closed(text_piece("[]"), limits, where)
    return closed(sheet.items("item", item, least, most), limits, where)
