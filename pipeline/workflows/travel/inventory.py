"""Inventory: flights, seats, bookings and tickets in one SQLite file. Knows what can be sold; nothing of conversations.

Leaves which city a text means to city_names.py, and what a row says to inventory_rows.py.

Every write is one transaction under the caller's idempotency key: called again with the same key, after a crash or
from two threads at once, it does nothing and returns what the first call did. Seats are counted by the database,
so two customers never get the last one. A connection lives for one call: an `Inventory` may be shared by threads.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TypeVar

from models import Money
from pipeline.workflows.travel import city_names, terms
from pipeline.workflows.travel import inventory_rows as rows
from pipeline.workflows.travel.contracts import Booked, Booking, Cancelled, Changed, Flight, Ticket
from pipeline.write_ahead import write_ahead

FILE = "inventory.sqlite"
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0, O, 1, I: read aloud on the telephone
_PATIENCE = 30.0  # seconds to wait for another writer


class InventoryError(Exception):
    """The inventory cannot be used, or was asked for something that its rules forbid: one sentence saying which."""


class Inventory:
    """The desk's inventory in `folder`, which `create` has made; InventoryError without one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        if not self.path.is_file() or not self._is_made():
            raise InventoryError(f"There is no inventory in {folder}: create it first with Inventory.create.")

    @classmethod
    def create(cls, folder: Path, today: date) -> Inventory:
        """Open the inventory in `folder`; make it first, with flights from `today` on, if there is none.

        A crash leaves no half-made inventory, and of two that create at once one wins and the other opens it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / FILE, timeout=_PATIENCE, isolation_level=None)) as database:
            write_ahead(database, _PATIENCE)
            if not _is_made(database):
                settings = (
                    f"CREATE TABLE settings (today TEXT NOT NULL) STRICT; INSERT INTO settings VALUES ('{today}');"
                )
                try:
                    database.executescript(f"BEGIN IMMEDIATE; {settings} {_sql()} COMMIT;")
                except sqlite3.OperationalError:
                    database.rollback()
                    if not _is_made(database):  # else another process was faster, and its inventory counts
                        raise
        return cls(folder)

    # What can be sold

    def today(self) -> date:
        """The day the inventory was made for."""
        with self._open() as database:
            return date.fromisoformat(database.execute("SELECT today FROM settings").fetchone()[0])

    def cities(self, origin: str | None = None) -> list[str]:
        """Names of all cities, or of those with flights from `origin`, by name."""
        sql = "SELECT name FROM cities ORDER BY name"
        if origin is not None:
            sql = """SELECT b.name FROM routes AS r JOIN cities AS a ON a.code = r.origin
                     JOIN cities AS b ON b.code = r.destination WHERE a.name = ? ORDER BY b.name"""
        with self._open() as database:
            return [row["name"] for row in database.execute(sql, () if origin is None else (origin,))]

    def find_city(self, text: str) -> str | None:
        """Name of the one city meant by `text` ("bombay", "NYC", "São Paulo", "Bangaloer"); None if none or several."""
        return city_names.meant(text, self._known())

    def cities_in(self, text: str) -> list[str]:
        """Names of all cities that a text mentions by a name of at least three letters, sorted."""
        return city_names.mentioned(text, self._known())

    def _known(self) -> dict[str, str]:
        """City by each of its names, these in plain letters."""
        with self._open() as database:
            return {city_names.plain(row["alias"]): row["name"] for row in database.execute(_ALIASES)}

    def flights(self, origin: str, destination: str, day: date) -> list[Flight]:
        """Flights between two cities (by name) on a day, sold out ones too, cheapest first."""
        where = " WHERE a.name = ? AND b.name = ? AND f.day = ? ORDER BY f.price, f.id"
        with self._open() as database:
            return [
                rows.flight_of(row)
                for row in database.execute(rows.FLIGHT + where, (origin, destination, day.isoformat()))
            ]

    def cheapest(self, origin: str, destination: str, day: date, travellers: int = 1) -> Flight | None:
        """The cheapest flight that day with seats for all travellers; None without one."""
        return next((flight for flight in self.flights(origin, destination, day) if flight.seats >= travellers), None)

    def days(self, origin: str, destination: str, near: date, travellers: int, earliest: date) -> list[date]:
        """Up to three days nearest to `near`, not before `earliest`, with seats for all travellers, in order."""
        sql = """SELECT DISTINCT f.day FROM flights AS f JOIN routes AS r ON r.id = f.route
                 JOIN cities AS a ON a.code = r.origin JOIN cities AS b ON b.code = r.destination
                 WHERE a.name = ? AND b.name = ? AND f.seats >= ? AND f.day >= ? AND f.day <> ?
                 ORDER BY abs(julianday(f.day) - julianday(?)), f.day LIMIT 3"""
        values = (origin, destination, travellers, earliest.isoformat(), near.isoformat(), near.isoformat())
        with self._open() as database:
            return sorted(date.fromisoformat(row["day"]) for row in database.execute(sql, values))

    def rate(self, currency: str) -> Decimal | None:
        """Rupees for one unit of a currency ("" is rupees), at the desk's fixed rates; None if we do not take it."""
        with self._open() as database:
            return rows.rate(database, currency or "INR")

    def rupees(self, money: Money) -> Decimal | None:
        """An amount in rupees; without a currency it is rupees already; None in a currency that we do not take."""
        rate = self.rate(money.currency)
        return None if rate is None else money.amount * rate

    # What was sold

    def booking(self, reference: str) -> Booking | None:
        """The booking with a reference, as it stands now; None if there is none."""
        with self._open() as database:
            return rows.booking_of(database, reference)

    def book(self, flight: int, travellers: int, key: str) -> Booked | None:
        """Take seats on a flight (by id); None, and nothing taken, if too few are left."""
        if not 1 <= travellers <= terms.LARGEST_PARTY:
            raise InventoryError(f"{travellers} travellers do not fit in one booking: 1 to {terms.LARGEST_PARTY} do.")
        with self._transaction() as database:
            if (done := rows.booked(database, key)) is not None:
                return done
            taken = database.execute(
                "UPDATE flights SET seats = seats - ? WHERE id = ? AND seats >= ?", (travellers, flight, travellers)
            )
            if taken.rowcount == 0:
                return None
            database.execute(
                """INSERT INTO bookings SELECT ?, id, ?, ? * price, 'booked', ? FROM flights WHERE id = ?""",
                (_free_reference(database, key), travellers, travellers, key, flight),
            )
            return rows.booked(database, key)

    def booked(self, key: str) -> Booked | None:
        """What `book` did under this key; None if nothing."""
        with self._open() as database:
            return rows.booked(database, key)

    def change(self, reference: str, flight: int, today: date, key: str) -> Changed | None:
        """Move a booking to another flight (by id) of its route; None, and nothing moved, if too few seats are left.

        InventoryError if the booking cannot be moved: unknown, cancelled, departed, or the flight is on another route.
        """
        with self._transaction() as database:
            if (done := rows.changed(database, key)) is not None:
                return done
            booking = _open_booking(database, reference, today)
            row = database.execute(rows.FLIGHT + " WHERE f.id = ?", (flight,)).fetchone()
            old = booking.flight
            if row is None or (row["origin"], row["destination"]) != (old.origin, old.destination):
                raise InventoryError(f"{reference} flies from {old.origin} to {old.destination}; choose such a flight.")
            new = rows.flight_of(row)
            taken = database.execute(
                "UPDATE flights SET seats = seats - ? WHERE id = ? AND seats >= ?",
                (booking.travellers, new.id, booking.travellers),
            )
            if taken.rowcount == 0:
                return None
            database.execute("UPDATE flights SET seats = seats + ? WHERE id = ?", (booking.travellers, old.id))
            price = new.price * booking.travellers
            fee, difference = _cost_of_change(database, booking, new, today)
            database.execute(
                "UPDATE bookings SET flight = ?, price = ? WHERE reference = ?",
                (new.id, int(max(price, booking.price)), reference),
            )
            database.execute(
                "INSERT INTO changes VALUES (?, 'change', ?, ?, ?, ?, ?, ?)",
                (key, reference, old.id, new.id, str(fee), str(difference), old.currency),
            )
            return rows.changed(database, key)

    def changed(self, key: str) -> Changed | None:
        """What `change` did under this key; None if nothing."""
        with self._open() as database:
            return rows.changed(database, key)

    def cost_of_change(self, booking: Booking, new: Flight, today: date) -> tuple[Decimal, Decimal]:
        """(fee, difference in fare for all travellers) of moving a booking today, in the currency of its flight."""
        with self._open() as database:
            return _cost_of_change(database, booking, new, today)

    def cancel(self, reference: str, today: date, key: str) -> Cancelled:
        """Cancel a booking and free its seats. InventoryError if it is unknown, cancelled already or departed."""
        with self._transaction() as database:
            if (done := rows.cancelled(database, key)) is not None:
                return done
            booking = _open_booking(database, reference, today)
            fee = terms.cancellation_fee(booking.price, booking.flight.day, today)
            database.execute(
                "UPDATE flights SET seats = seats + ? WHERE id = ?", (booking.travellers, booking.flight.id)
            )
            database.execute("UPDATE bookings SET status = 'cancelled' WHERE reference = ?", (reference,))
            database.execute(
                "INSERT INTO changes VALUES (?, 'cancel', ?, ?, NULL, ?, ?, ?)",
                (key, reference, booking.flight.id, str(fee), str(booking.price - fee), booking.flight.currency),
            )
            return _recorded(rows.cancelled(database, key))

    def cancelled(self, key: str) -> Cancelled | None:
        """What `cancel` did under this key; None if nothing."""
        with self._open() as database:
            return rows.cancelled(database, key)

    def ticket(self, complaint: str, reference: str | None, amount: Money | None, key: str) -> Ticket:
        """Open a ticket for a human."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO tickets (reference, amount, complaint, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (reference, None if amount is None else str(amount), complaint, key),
            )
            return _recorded(rows.ticketed(database, key))

    def ticketed(self, key: str) -> Ticket | None:
        """What `ticket` did under this key; None if nothing."""
        with self._open() as database:
            return rows.ticketed(database, key)

    # The file

    def _is_made(self) -> bool:
        with self._open() as database:
            return _is_made(database)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)) as database:
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA foreign_keys = ON")
            yield database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")  # the write lock first: what is read below cannot change until COMMIT
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


_ALIASES = """SELECT name AS alias, name FROM cities UNION ALL SELECT code, name FROM cities
              UNION ALL SELECT alias, name FROM aliases JOIN cities USING (code)"""
_T = TypeVar("_T")


def _is_made(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'settings'").fetchone() is not None


def _sql() -> str:
    return (resources.files(__package__) / "inventory.sql").read_text(encoding="utf-8")


def _open_booking(database: sqlite3.Connection, reference: str, today: date) -> Booking:
    booking = rows.booking_of(database, reference)
    if booking is None:
        raise InventoryError(f"There is no booking {reference}: check the reference.")
    if booking.status == "cancelled":
        raise InventoryError(f"{reference} was cancelled already: nothing more can be done with it.")
    if booking.flight.day < today:
        raise InventoryError(f"{reference} left on {booking.flight.day}: it can be neither changed nor cancelled.")
    return booking


def _cost_of_change(
    database: sqlite3.Connection, booking: Booking, new: Flight, today: date
) -> tuple[Decimal, Decimal]:
    rate = rows.rate(database, booking.flight.currency)
    if rate is None:
        raise InventoryError(f"There is no rate for {booking.flight.currency}: add it to the table `rates`.")
    fee = terms.change_fee(booking.flight.day, today, rate)
    return fee, max(Decimal(0), new.price * booking.travellers - booking.price)


def _free_reference(database: sqlite3.Connection, key: str) -> str:
    """A reference that follows from the key, so that a repeated run gives the same one; the next if it is taken."""
    attempt = 0
    while True:
        number = int.from_bytes(hashlib.sha256(f"{key}\0{attempt}".encode()).digest()[:8], "big")
        reference = "MD" + "".join(_ALPHABET[number >> shift & 31] for shift in (0, 5, 10, 15))
        if database.execute("SELECT 1 FROM bookings WHERE reference = ?", (reference,)).fetchone() is None:
            return reference
        attempt += 1


def _recorded(value: _T | None) -> _T:
    if value is None:
        raise InventoryError("The inventory lost what it had just written: restore the file from a copy.")
    return value
