"""Number: integers, floats, decimals and days as pieces. Knows their digits and bounds."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import ceil, floor
from typing import Any

from models.errors import ContractError
from models.pieces.digits import days, decimals, integers
from models.pieces.piece import Piece
from models.pieces.sheet import Sheet, ordered

_MOST = 10**12 - 1  # integers without bounds have at most twelve digits


def integer(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    low, high = -_MOST, _MOST
    if "ge" in limits or "gt" in limits:
        low = max(ceil(limits.pop("ge", low)), floor(limits.pop("gt", low - 1)) + 1)
    if "le" in limits or "lt" in limits:
        high = min(floor(limits.pop("le", high)), ceil(limits.pop("lt", high + 1)) - 1)
    ordered(low, high, where)
    return _number("INT", integers(low, high), max(len(str(low)), len(str(high))), "", sheet, where)


def float_(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    limits.pop("allow_inf_nan", None)
    low, high = _bounds(
        limits, Decimal(-(10**9)), Decimal(10**9), Decimal("0.000001"), lambda bound: Decimal(str(bound)), where
    )
    whole = len(str(int(max(abs(low), abs(high)))))
    if whole > 15:
        raise ContractError(f"{where} may be too large for exact digits.", "Bound it below 1e15 with ge and le.")
    places = min(6, 15 - whole)
    return _number("FLOAT", decimals(low, high, places), whole + places + 2, "", sheet, where)


def decimal(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
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


def day(limits: dict[str, Any], where: str, sheet: Sheet) -> Piece:
    return Piece(sheet.terminal("DAY", f'/"(?:{days()})"/'), 12)
