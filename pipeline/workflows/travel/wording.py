"""How the desk writes days, prices and lists. Knows English, no data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from pipeline.workflows.travel.terms import cents


def on(day: date, today: date) -> str:
    """ "Sat 28 Nov", with the year when it is not this one."""
    return f"{day:%a} {day.day} {day:%b}" + ("" if day.year == today.year else f" {day.year}")


def price(amount: Decimal, currency: str) -> str:
    """ "4,200 INR"."""
    return f"{cents(amount):,} {currency}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """ "Bali, Goa and Tokyo"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "none"
