"""Row: JSON values as pieces, each bracket, key and comma a lexeme of its own, as models/pieces/piece.py asks for."""

from __future__ import annotations

import json
from typing import Any

from models.pieces.piece import Piece, literal, sequence, text_piece


def key(name: str) -> Piece:
    """A property's name and the colon."""
    return sequence([text_piece(json.dumps(name, ensure_ascii=False)), text_piece(":")])


def constant(value: Any) -> Piece:
    """One JSON value, compact."""
    if isinstance(value, dict):
        pairs = [sequence([key(name), constant(inner)]) for name, inner in value.items()]
        return _bracketed("{", pairs, "}")
    if isinstance(value, list):
        return _bracketed("[", [constant(inner) for inner in value], "]")
    return text_piece(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _bracketed(opening: str, parts: list[Piece], closing: str) -> Piece:
    with_commas = [piece for part in parts for piece in (text_piece(","), part)][1:]
    whole = sequence([text_piece(opening), *with_commas, text_piece(closing)])
    return Piece(f"({whole.rule})", whole.longest, whole.bound, whole.constant)


EMPTY_ARRAY = Piece(f"({literal('[')} {literal(']')})", 2, "[]", "[]")
