"""Choice: truth values, nothing, Literals and Enums as pieces. Knows the JSON form of each option."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from typing import Any

from models.errors import ContractError
from models.pieces.piece import Piece, text_piece
from models.pieces.sheet import Sheet


def boolean(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    """true or false."""
    return sheet.one_of("BOOL", ["true", "false"])


def nothing(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    """null."""
    return text_piece("null")


def options(values: Iterable[object], where: str, sheet: Sheet) -> Piece:
    """Any one of `values`, each written as JSON."""
    return sheet.one_of("CHOICE", option_texts(values, where))


def option_texts(values: Iterable[object], where: str) -> list[str]:
    """The JSON of each value. ContractError for one that has no exact JSON form."""
    texts = []
    for value in values:
        if not isinstance(value, str | int | None) or isinstance(value, Enum):
            raise ContractError(
                f"{where} offers {value!r}, which has no exact JSON form.",
                "Use str, int or bool values, or the whole Enum.",
            )
        texts.append(json.dumps(value, ensure_ascii=False))
    if not texts:
        raise ContractError(f"{where} offers nothing to choose from.", "Add a member.")
    return texts
