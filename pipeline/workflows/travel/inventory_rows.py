"""Rows of the inventory's file, as the contracts of the desk. Reads; writes nothing.

What an action did is found by its idempotency key.
"""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal

from pipeline.workflows.travel.contracts import Booked, Booking, Cancelled, Changed, Flight, Ticket

FLIGHT = """
    SELECT f.id, f.number, a.name AS origin, b.name AS destination, f.day, f.departs, f.price, a.currency, f.seats
    FROM flights AS f JOIN routes AS r ON r.id = f.route
    JOIN cities AS a ON a.code = r.origin JOIN cities AS b ON b.code = r.destination
"""


def flight_of(row: sqlite3.Row) -> Flight:
    """A row of FLIGHT."""
    return Flight.model_validate({**dict(row), "price": Decimal(row["price"]), "day": date.fromisoformat(row["day"])})


def rate(database: sqlite3.Connection, currency: str) -> Decimal | None:
    """Rupees for one unit of a currency; None if the desk does not take it."""
    row = database.execute("SELECT inr FROM rates WHERE currency = ?", (currency,)).fetchone()
    return None if row is None else Decimal(row["inr"])


def booking_of(database: sqlite3.Connection, reference: str) -> Booking | None:
    """The booking with a reference, as it stands now."""
    sold = database.execute("SELECT * FROM bookings WHERE reference = ?", (reference,)).fetchone()
    if sold is None:
        return None
    flight = database.execute(FLIGHT + " WHERE f.id = ?", (sold["flight"],)).fetchone()
    return Booking(
        reference=sold["reference"],
        flight=flight_of(flight),
        travellers=sold["seats"],
        price=Decimal(sold["price"]),
        status=sold["status"],
    )


def booked(database: sqlite3.Connection, key: str) -> Booked | None:
    """The booking that was made under a key."""
    row = database.execute("SELECT reference FROM bookings WHERE key = ?", (key,)).fetchone()
    booking = None if row is None else booking_of(database, row["reference"])
    if booking is None:
        return None
    flight = booking.flight
    return Booked(
        reference=booking.reference,
        flight=flight.number,
        origin=flight.origin,
        destination=flight.destination,
        departure=flight.day,
        departs=flight.departs,
        travellers=booking.travellers,
        price=booking.price,
        currency=flight.currency,
    )


def _event(database: sqlite3.Connection, kind: str, key: str) -> tuple[sqlite3.Row, Flight] | None:
    row = database.execute("SELECT * FROM changes WHERE key = ? AND kind = ?", (key, kind)).fetchone()
    if row is None:
        return None
    return row, flight_of(database.execute(FLIGHT + " WHERE f.id = ?", (row["old_flight"],)).fetchone())


def changed(database: sqlite3.Connection, key: str) -> Changed | None:
    """The change that was made under a key."""
    if (event := _event(database, "change", key)) is None:
        return None
    row, old = event
    new = flight_of(database.execute(FLIGHT + " WHERE f.id = ?", (row["new_flight"],)).fetchone())
    return Changed(
        reference=row["reference"],
        flight=new.number,
        old_date=old.day,
        new_date=new.day,
        departs=new.departs,
        fee=Decimal(row["fee"]),
        difference=Decimal(row["difference"]),
        currency=row["currency"],
    )


def cancelled(database: sqlite3.Connection, key: str) -> Cancelled | None:
    """The cancellation that was made under a key."""
    if (event := _event(database, "cancel", key)) is None:
        return None
    row, flight = event
    return Cancelled(
        reference=row["reference"],
        departure=flight.day,
        fee=Decimal(row["fee"]),
        refund=Decimal(row["difference"]),
        currency=row["currency"],
    )


def ticketed(database: sqlite3.Connection, key: str) -> Ticket | None:
    """The ticket that was opened under a key."""
    row = database.execute("SELECT number, reference FROM tickets WHERE key = ?", (key,)).fetchone()
    return None if row is None else Ticket(number=row["number"], reference=row["reference"])
