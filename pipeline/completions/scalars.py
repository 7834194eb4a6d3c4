"""Scalars: numbers and flags of a body, within their limits. BadRecord says which option, what it is, and may be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.record import BadRecord


def number(body: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    """A number of a body, both limits included."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        told = "above 0" if least == math.ulp(0.0) else f"{least:g}"
        raise BadRecord(f'"{name}" is {shown(value)}, and may be a number from {told} to {most:g}.')
    return float(value)


def whole(body: Mapping[str, Any], name: str, default: int | None, least: int, most: int = 2**63) -> int | None:
    """A whole number of a body, both limits included; None where neither it nor a default is given."""
    value = body.get(name, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
        told = f"to {most:,}" if most < 2**63 else "on"
        raise BadRecord(f'"{name}" is {shown(value)}, and may be a whole number from {least} {told}.')
    return value


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    """A flag of a body."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRecord(f'"{name}" is {shown(value)}, and may be true or false.')
    return value


def check_kinds(given: Mapping[str, Any], where: str, texts: Sequence[str], flags: Sequence[str]) -> None:
    """That these members of an object at `where` are texts and flags, or null, or not there."""
    for name in (*texts, *flags):
        kind: type = str if name in texts else bool
        if given.get(name) is not None and not isinstance(given[name], kind):
            told = "no text" if name in texts else "neither true nor false"
            raise BadRecord(f'"{where}.{name}" is {told}: {shown(given[name])}.')


def shown(value: object) -> str:
    """The beginning of a value as JSON, for whoever is told of it."""
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
