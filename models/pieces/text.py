"""Text: free texts as pieces. Knows how a text is written in JSON, its lengths in characters and in bytes."""

from __future__ import annotations

from typing import Any

from models.pieces.piece import Piece, text_piece
from models.pieces.sheet import Sheet, closed, ordered

MOST = 256
"""Characters of a text that does not say how long it may be."""

# JSON strings without control characters and with the two escapes that are needed; {} holds the lengths.
_TEXT = r'/"(?:[^"\\\x00-\x1F\x7F]|\\["\\]){%d,%d}"/'
_TEXT_BMP = r'/"(?:[^"\\\x00-\x1F\x7F\u{10000}-\u{10FFFF}]|\\["\\]){%d,%d}"/'


def scratchpad(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    """A free text without four-byte characters: thinking needs no emoji, and its budget is a quarter less."""
    if sheet.scratchpad is not None:
        limits["max_length"] = min(limits["max_length"], sheet.scratchpad)
    return closed(_text(limits, where, sheet, _TEXT_BMP, 3), limits, where)


def string(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    """A free text of at most `MOST` characters unless it says otherwise."""
    return _text(limits, where, sheet, _TEXT, 4)


def _text(limits: dict[str, Any], where: str, sheet: Sheet, body: str, width: int) -> Piece:
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    most = max(MOST, least) if most is None else most
    ordered(least, most, where)
    if most == 0:
        return text_piece('""')
    return Piece(sheet.terminal("TEXT", body % (least, most)), most * width + 2, f"{least}–{most} characters")
