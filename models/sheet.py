"""Sheet: what the pieces of one grammar share, and Piece, what one of them is.

Knows Lark literals and terminals. Does not know types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel

from models.errors import ContractError


class NothingToCopy(ContractError):
    """No source was given for a field that is copied; an Optional around it makes it null."""


@dataclass(frozen=True)
class Piece:
    """`rule`: an expression of a Lark rule; `longest`: bytes of its longest text; `constant`: its only text, if any."""

    rule: str
    longest: int
    constant: str | None = None


@dataclass(frozen=True)
class Sheet:
    """What the pieces of one grammar share: the sources to copy from, and the terminals defined so far.

    `said`: normalised messages; `evidence`: sentences by paragraph; `within`: the contracts around the present field.
    """

    said: tuple[str, ...]
    evidence: tuple[tuple[str, ...], ...]
    terminals: dict[str, str] = field(default_factory=dict)
    within: tuple[type[BaseModel], ...] = ()

    def terminal(self, name: str, body: str) -> str:
        """A terminal with this `body`, named `name` or, where that name is taken, `name` and a number."""
        number, unique = 1, name
        while self.terminals.setdefault(unique, body) != body:
            number += 1
            unique = f"{name}_{number}"
        return unique


def text_piece(text: str) -> Piece:
    """The one text `text`."""
    return Piece(literal(text), len(text.encode()), text)


def literal(text: str) -> str:
    """`text` as a Lark string: a JSON string, but llguidance's lexer trips over a bare DEL character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def one_of(name: str, texts: list[str], sheet: Sheet) -> Piece:
    """Any one of `texts`."""
    if len(set(texts)) == 1:
        return text_piece(texts[0])
    body = " | ".join(literal(text) for text in dict.fromkeys(texts))
    return Piece(sheet.terminal(name, body), max(len(text.encode()) for text in texts))


def closed(piece: Piece, limits: Mapping[str, object], where: str) -> Piece:
    """`piece`, once every limit of the field has been used."""
    for name in limits:
        raise ContractError(
            f"{where} has {name}, which a grammar cannot enforce here.",
            "Remove it, and check it in a guardrail instead.",
        )
    return piece


def ordered(least: int, most: int, where: str) -> None:
    if least > most:
        raise ContractError(
            f"{where} must be at least {least} and at most {most}.", "Let the smaller bound come first."
        )


def type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
