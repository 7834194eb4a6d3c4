"""What the desk can do to the world: four side effects, each with the check that tells whether it happened.

`state` is the folder with the inventory. Every action hands its idempotency key to the inventory, which remembers it
in the same transaction as the effect: whatever crashes when, a seat is taken and a fee is charged once.
"""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from models import Money
from pipeline import Refused, action
from pipeline.workflows.travel.contracts import Booked, Cancelled, Changed, Ticket
from pipeline.workflows.travel.inventory import Inventory, InventoryError


@action
async def book(state: Path, flight: int, travellers: int, *, key: str) -> Booked:
    """Take seats on a flight (by id) for all travellers. Refused if somebody else was faster."""
    booked = await asyncio.to_thread(Inventory(state).book, flight, travellers, key)
    if booked is None:
        raise Refused("The last seats on that flight were sold a moment ago.")
    return booked


@book.check
async def booked(state: Path, flight: int, travellers: int, *, key: str) -> Booked | None:
    """The booking made under this key."""
    return Inventory(state).booked(key)


@action
async def change(state: Path, reference: str, flight: int, today: date, *, key: str) -> Changed:
    """Move a booking to another flight (by id). Refused if it is full by now or the booking cannot be moved."""
    try:
        changed = await asyncio.to_thread(Inventory(state).change, reference, flight, today, key)
    except InventoryError as error:
        raise Refused(str(error)) from error
    if changed is None:
        raise Refused("The last seats on that flight were sold a moment ago.")
    return changed


@change.check
async def changed(state: Path, reference: str, flight: int, today: date, *, key: str) -> Changed | None:
    """The change made under this key."""
    return Inventory(state).changed(key)


@action
async def cancel(state: Path, reference: str, today: date, *, key: str) -> Cancelled:
    """Cancel a booking and free its seats. Refused if that is impossible by now."""
    try:
        return await asyncio.to_thread(Inventory(state).cancel, reference, today, key)
    except InventoryError as error:
        raise Refused(str(error)) from error


@cancel.check
async def cancelled(state: Path, reference: str, today: date, *, key: str) -> Cancelled | None:
    """The cancellation made under this key."""
    return Inventory(state).cancelled(key)


@action
async def open_ticket(state: Path, complaint: str, reference: str | None, amount: Money | None, *, key: str) -> Ticket:
    """Hand a complaint to customer care, in the customer's own words."""
    return await asyncio.to_thread(Inventory(state).ticket, complaint, reference, amount, key)


@open_ticket.check
async def ticketed(
    state: Path, complaint: str, reference: str | None, amount: Money | None, *, key: str
) -> Ticket | None:
    """The ticket opened under this key."""
    return Inventory(state).ticketed(key)
