"""What the desk looks up while it serves a request: steps, so that a replay sees what the first run saw.

`state` is the folder with the inventory.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from pipeline import step
from pipeline.workflows.travel.contracts import Booking, Flight
from pipeline.workflows.travel.inventory import Inventory


@step
async def find_city(state: Path, text: str) -> str | None:
    """Name of the city meant, if we serve it."""
    return Inventory(state).find_city(text)


@step
async def cities_in(state: Path, text: str) -> list[str]:
    """Cities that a text mentions."""
    return Inventory(state).cities_in(text)


@step
async def cities_from(state: Path, origin: str | None) -> list[str]:
    """Cities with flights from `origin`, or all that we serve."""
    return Inventory(state).cities(origin)


@step
async def find_flights(state: Path, origin: str, destination: str, day: date) -> list[Flight]:
    """All flights of a day, cheapest first."""
    return Inventory(state).flights(origin, destination, day)


@step
async def find_days(
    state: Path, origin: str, destination: str, near: date, travellers: int, earliest: date
) -> list[date]:
    """Up to three other days with seats for all travellers."""
    return Inventory(state).days(origin, destination, near, travellers, earliest)


@step
async def find_booking(state: Path, reference: str) -> Booking | None:
    """The booking with a reference, as it stands."""
    return Inventory(state).booking(reference)


@step
async def find_rate(state: Path, currency: str) -> Decimal | None:
    """Rupees for one unit of a currency, if we take it."""
    return Inventory(state).rate(currency)


@step
async def price_change(state: Path, booking: Booking, flight: Flight, today: date) -> tuple[Decimal, Decimal]:
    """(fee, difference in fare) of moving a booking, in the currency of its flight."""
    return Inventory(state).cost_of_change(booking, flight, today)
