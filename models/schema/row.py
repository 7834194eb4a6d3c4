"""Row: pieces one after the other, each a lexeme of its own, and JSON values written so. Knows brackets and commas.

llguidance's lexer takes the longest lexeme and never steps back: a literal such as `{"a":"x"` would keep it from the
alternative whose `"a"` is any text. So no two lexemes are joined here, and equal texts are cut at equal places.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from models.pieces.piece import Piece, literal, text_piece


def row(parts: Iterable[Piece]) -> Piece:
    """One after the other. Its rule does not bind as one."""
    found = list(parts)
    texts = [part.constant for part in found]
    whole = "".join(text for text in texts if text is not None) if None not in texts else None
    return Piece(" ".join(part.rule for part in found), sum(part.longest for part in found), whole or "", whole)


def key(name: str) -> Piece:
    """A property's name and the colon."""
    return row([text_piece(json.dumps(name, ensure_ascii=False)), text_piece(":")])


def constant(value: Any) -> Piece:
    """One JSON value, compact."""
    if isinstance(value, dict):
        pairs = [row([key(name), constant(inner)]) for name, inner in value.items()]
        return _bracketed("{", pairs, "}")
    if isinstance(value, list):
        return _bracketed("[", [constant(inner) for inner in value], "]")
    return text_piece(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _bracketed(opening: str, parts: list[Piece], closing: str) -> Piece:
    with_commas = [piece for part in parts for piece in (text_piece(","), part)][1:]
    whole = row([text_piece(opening), *with_commas, text_piece(closing)])
    return Piece(f"({whole.rule})", whole.longest, whole.bound, whole.constant)


EMPTY_ARRAY = Piece(f"({literal('[')} {literal(']')})", 2, "[]", "[]")
