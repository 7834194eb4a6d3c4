"""Scalars: texts, truth values, numbers and days as pieces of a grammar.

Knows the JSON form of each, its bounds and its longest text in bytes. Does not know where a value comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from math import ceil, floor
from typing import Any

from models.digits import days, decimals, integers
from models.errors import ContractError
from models.sheet import Piece, Sheet, closed, ordered, text_piece

_MOST = 10**12 - 1  # integers without bounds have at most twelve digits
# JSON strings without control characters and with the two escapes that are needed; {} holds the lengths.
_TEXT = r'/"(?:[^"\\\x00-\x1F\x7F]|\\["\\]){%d,%d}"/'
_TEXT_BMP = r'/"(?:[^"\\\x00-\x1F\x7F\u{10000}-\u{10FFFF}]|\\["\\]){%d,%d}"/'


def scratchpad(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    """A free text without four-byte characters: thinking needs no emoji, and its budget is a quarter less."""
    return text_field(limits, where, sheet, _TEXT_BMP, 3)


def _string(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    return text_field(limits, where, sheet, _TEXT, 4)


def text_field(limits: dict[str, Any], where: str, sheet: Sheet, body: str, width: int) -> Piece:
    """A free text; one character takes at most `width` bytes."""
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    if most is None:
        raise ContractError(
            f"{where} is a text without a longest form.",
            "Add Field(max_length=…), or use Said[str], Quote or a Literal.",
        )
    ordered(least, most, where)
    piece = Piece(sheet.terminal("TEXT", body % (least, most)), most * width + 2)
    return closed(piece if most else text_piece('""'), limits, where)


def _boolean(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    return Piece(sheet.terminal("BOOL", '"true" | "false"'), 5)


def _integer(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    low, high = -_MOST, _MOST
    if "ge" in limits or "gt" in limits:
        low = max(ceil(limits.pop("ge", low)), floor(limits.pop("gt", low - 1)) + 1)
    if "le" in limits or "lt" in limits:
        high = min(floor(limits.pop("le", high)), ceil(limits.pop("lt", high + 1)) - 1)
    ordered(low, high, where)
    return _number("INT", integers(low, high), max(len(str(low)), len(str(high))), "", sheet, where)


def _float(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    limits.pop("allow_inf_nan", None)
    low, high = _bounds(
        limits, Decimal(-(10**9)), Decimal(10**9), Decimal("0.000001"), lambda bound: Decimal(str(bound)), where
    )
    whole = len(str(int(max(abs(low), abs(high)))))
    if whole > 15:
        raise ContractError(f"{where} may be too large for exact digits.", "Bound it below 1e15 with ge and le.")
    places = min(6, 15 - whole)
    return _number("FLOAT", decimals(low, high, places), whole + places + 2, "", sheet, where)


def _decimal(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    limits.pop("allow_inf_nan", None)
    digits, places = limits.pop("max_digits", None), limits.pop("decimal_places", None)
    bounded = ("ge" in limits or "gt" in limits) and ("le" in limits or "lt" in limits)
    if places is None or (digits is None and not bounded):
        raise ContractError(
            f"{where} is a Decimal without a longest form.", "Add Field(max_digits=…, decimal_places=…)."
        )
    step = Decimal(1).scaleb(-places)
    if digits is not None and not places <= digits <= 28:
        raise ContractError(
            f"{where} has max_digits={digits} beside decimal_places={places}.", "Choose between that and 28."
        )
    edge = Decimal(10) ** (digits - places) - step if digits is not None else Decimal(10) ** (28 - places) - step
    low, high = _bounds(limits, -edge, edge, step, Decimal, where)
    low, high = max(low, -edge), min(high, edge)
    # Pydantic counts the 0 before the point as a digit only where nothing follows it.
    least = 1 if digits is not None and digits == places and places else 0
    whole = len(str(int(max(abs(low), abs(high)))))
    return _number("DECIMAL", decimals(low, high, places, least), whole + places + 2, '"', sheet, where)


def _bounds(
    limits: dict[str, Any], low: Decimal, high: Decimal, step: Decimal, exact: Callable[[Any], Decimal], where: str
) -> tuple[Decimal, Decimal]:
    """The closed range that `limits` leave of [low, high]; an open end loses at most one `step`."""
    lows = [exact(limits.pop("ge"))] if "ge" in limits else []
    lows += [exact(limits.pop("gt")) + step] if "gt" in limits else []
    highs = [exact(limits.pop("le"))] if "le" in limits else []
    highs += [exact(limits.pop("lt")) - step] if "lt" in limits else []
    least, most = max(lows, default=low), min(highs, default=high)
    if not (least.is_finite() and most.is_finite()):
        raise ContractError(f"{where} has a bound that is no finite number.", "Give finite ge and le.")
    return least, most


def _number(name: str, digits: str, longest: int, quote: str, sheet: Sheet, where: str) -> Piece:
    if not digits:
        raise ContractError(f"{where} has no number between its bounds.", "Widen ge and le.")
    return Piece(sheet.terminal(name, f"/{quote}(?:{digits}){quote}/"), longest + 2 * len(quote))


def _date(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    return Piece(sheet.terminal("DAY", f'/"(?:{days()})"/'), 12)


SCALARS: dict[object, Callable[[dict[str, Any], str, Sheet], Piece]] = {
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _float,
    Decimal: _decimal,
    date: _date,
}
