"""The inventory sells each seat once, whatever crashes and whoever asks at the same time."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from models.values.money import Money
from pipeline.workflows.travel import terms
from pipeline.workflows.travel.contracts import Booked, Flight
from pipeline.workflows.travel.inventory import FILE, Inventory, InventoryError

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Inventory.create(tmp_path_factory.mktemp("fresh"), TODAY).path


@pytest.fixture
def inventory(fresh: Path, tmp_path: Path) -> Inventory:
    shutil.copy(fresh, tmp_path)
    return Inventory(tmp_path)


def a_flight(inventory: Inventory, seats: int | None = None, day: int = 30) -> Flight:
    """A flight from Mumbai to Delhi, with this many seats left."""
    flight = inventory.flights("Mumbai", "Delhi", TODAY + timedelta(days=day))[0]
    if seats is not None:
        with closing(sqlite3.connect(inventory.path)) as database:
            database.execute("UPDATE flights SET seats = ? WHERE id = ?", (seats, flight.id))
            database.commit()
    return flight


def seats_left(inventory: Inventory, flight: int) -> int:
    with closing(sqlite3.connect(inventory.path)) as database:
        return int(database.execute("SELECT seats FROM flights WHERE id = ?", (flight,)).fetchone()[0])


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What the calls return, each made from a thread of its own at the same moment."""
    start = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = calls[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_same_key_books_once(inventory: Inventory) -> None:
    flight = a_flight(inventory, seats=10)
    first = inventory.book(flight.id, 3, "key")
    assert first is not None
    assert inventory.book(flight.id, 3, "key") == first == inventory.booked("key")
    assert seats_left(inventory, flight.id) == 7
    assert first.price == 3 * flight.price


def test_another_key_books_again_under_another_reference(inventory: Inventory) -> None:
    flight = a_flight(inventory, seats=10)
    first, second = inventory.book(flight.id, 1, "one"), inventory.book(flight.id, 1, "two")
    assert first is not None
    assert second is not None
    assert first.reference != second.reference
    assert seats_left(inventory, flight.id) == 8


def test_a_reference_follows_from_the_key(inventory: Inventory, tmp_path: Path) -> None:
    other = Inventory.create(tmp_path / "other", TODAY)
    assert inventory.book(a_flight(inventory).id, 1, "k") == other.book(a_flight(other).id, 1, "k")


def test_of_two_customers_one_gets_the_last_seat(inventory: Inventory) -> None:
    flight = a_flight(inventory, seats=1)
    results = at_once([lambda: inventory.book(flight.id, 1, "a"), lambda: inventory.book(flight.id, 1, "b")])
    assert sorted(type(result).__name__ for result in results) == ["Booked", "NoneType"]
    assert seats_left(inventory, flight.id) == 0


def test_the_same_key_at_once_books_once(inventory: Inventory) -> None:
    flight = a_flight(inventory, seats=8)
    results = at_once([lambda: inventory.book(flight.id, 2, "same") for _ in range(4)])
    assert all(isinstance(result, Booked) for result in results)
    assert len({result.reference for result in results if isinstance(result, Booked)}) == 1
    assert seats_left(inventory, flight.id) == 6


def test_too_few_seats_take_none(inventory: Inventory) -> None:
    flight = a_flight(inventory, seats=2)
    assert inventory.book(flight.id, 3, "key") is None
    assert inventory.booked("key") is None
    assert seats_left(inventory, flight.id) == 2


@pytest.mark.parametrize("travellers", [0, -1, 10])
def test_a_party_of_no_size_is_refused(inventory: Inventory, travellers: int) -> None:
    with pytest.raises(InventoryError, match="1 to 9"):
        inventory.book(a_flight(inventory).id, travellers, "key")


BOOK_AND_DIE = """
import os, signal, sqlite3, sys
from pathlib import Path
from pipeline.workflows.travel import inventory
original = inventory._free_reference
def die(database, key):  # the seat is taken, the booking not yet written
    sys.stdout.write("taken"); sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "between":
    inventory._free_reference = die
inventory.Inventory(Path(sys.argv[1])).book(int(sys.argv[2]), 2, "key")
sys.stdout.write("booked"); sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "said", "taken"), [("between", "taken", 0), ("after", "booked", 2)])
def test_killed_in_a_booking_nothing_is_half_done(inventory: Inventory, moment: str, said: str, taken: int) -> None:
    flight = a_flight(inventory, seats=9)
    command = [sys.executable, "-c", BOOK_AND_DIE, str(inventory.path.parent), str(flight.id), moment]
    killed = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, said), killed.stderr
    assert seats_left(inventory, flight.id) == 9 - taken
    assert (inventory.booked("key") is not None) == bool(taken)
    again = inventory.book(flight.id, 2, "key")
    assert again is not None
    assert seats_left(inventory, flight.id) == 7


def test_a_free_change_moves_the_seats(inventory: Inventory) -> None:
    booking = inventory.booking("MDK6RS")
    assert booking is not None
    new = next(
        flight
        for days in range(1, 120)
        for flight in inventory.flights("Mumbai", "Singapore", TODAY + timedelta(days=days))
        if flight.seats > 2 and flight.price > booking.price
    )
    before = seats_left(inventory, booking.flight.id)
    changed = inventory.change("MDK6RS", new.id, TODAY, "key")
    assert changed is not None
    assert (changed.fee, changed.difference) == (Decimal(0), new.price - booking.price)
    assert inventory.change("MDK6RS", new.id, TODAY, "key") == changed == inventory.changed("key")
    assert seats_left(inventory, booking.flight.id) == before + 1
    assert seats_left(inventory, new.id) == new.seats - 1
    moved = inventory.booking("MDK6RS")
    assert moved is not None
    assert (moved.flight.day, moved.price) == (new.day, new.price)


def test_a_late_change_costs_the_fee(inventory: Inventory) -> None:
    new = inventory.cheapest("Mumbai", "Dubai", TODAY + timedelta(days=40))
    assert new is not None
    changed = inventory.change("MDE7PB", new.id, TODAY, "key")
    assert changed is not None
    assert changed.fee == terms.CHANGE_FEE_INR


def test_a_change_to_a_full_flight_moves_nothing(inventory: Inventory) -> None:
    full = a_flight(inventory, seats=0)
    before = inventory.booking("MDR4XT")
    assert inventory.change("MDR4XT", full.id, TODAY, "key") is None
    assert inventory.booking("MDR4XT") == before


def test_a_change_keeps_the_route(inventory: Inventory) -> None:
    with pytest.raises(InventoryError, match="flies from Mumbai to Singapore"):
        inventory.change("MD9WLP", a_flight(inventory).id, TODAY, "key")


def test_cancelling_early_is_free_and_frees_the_seats(inventory: Inventory) -> None:
    booking = inventory.booking("MD7K2Q")
    assert booking is not None
    before = seats_left(inventory, booking.flight.id)
    done = inventory.cancel("MD7K2Q", TODAY, "key")
    assert (done.fee, done.refund) == (Decimal(0), booking.price)
    assert inventory.cancel("MD7K2Q", TODAY, "key") == done == inventory.cancelled("key")
    assert seats_left(inventory, booking.flight.id) == before + 2
    with pytest.raises(InventoryError, match="cancelled already"):
        inventory.cancel("MD7K2Q", TODAY, "another key")


@pytest.mark.parametrize(
    ("reference", "share"), [("MDR4XT", "0.5"), ("MDP9RB", "0.5"), ("MDJ5QN", "0"), ("MDN4GS", "0")]
)
def test_cancelling_within_48_hours_costs_half(inventory: Inventory, reference: str, share: str) -> None:
    booking = inventory.booking(reference)
    assert booking is not None
    done = inventory.cancel(reference, TODAY, "key")
    assert done.fee == booking.price * Decimal(share)
    assert done.fee + done.refund == booking.price
    assert done.currency == booking.flight.currency


@pytest.mark.parametrize(
    ("reference", "why"), [("MD2QZ8", "left on"), ("MDB6YC", "cancelled already"), ("MDZZ99", "no")]
)
def test_what_is_over_cannot_be_cancelled(inventory: Inventory, reference: str, why: str) -> None:
    with pytest.raises(InventoryError, match=why):
        inventory.cancel(reference, TODAY, "key")
    assert inventory.cancelled("key") is None


def test_of_two_that_cancel_one_is_too_late(inventory: Inventory) -> None:
    results = at_once([lambda: inventory.cancel("MDL2HW", TODAY, "a"), lambda: inventory.cancel("MDL2HW", TODAY, "b")])
    assert sorted(type(result).__name__ for result in results) == ["Cancelled", "InventoryError"]


def test_the_same_key_opens_one_ticket(inventory: Inventory) -> None:
    first = inventory.ticket("Rude crew!", None, Money(Decimal(420), "USD"), "key")
    assert inventory.ticket("Rude crew!", None, None, "key") == first == inventory.ticketed("key")
    assert inventory.ticket("Cold food", "MD2QZ8", None, "other").number == first.number + 1


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("Bombay", "Mumbai"),
        ("mumbai", "Mumbai"),
        ("BOM", "Mumbai"),
        ("the Bangalore", "Bengaluru"),
        ("Denpasar", "Bali"),
        ("Tokyo, Japan", "Tokyo"),
        ("nyc", "New York"),
        ("to new york city", "New York"),
        ("sao paulo", "São Paulo"),
        ("São Paulo", "São Paulo"),
        ("Goa please", "Goa"),
        ("Singpore", "Singapore"),
        ("dehli", "Delhi"),
        ("banglore", "Bengaluru"),
        ("Delhi or Goa", None),
        ("Doha", None),
        ("Bari", None),
        ("Costa del Sol", None),
        ("Reykjavik", None),
        ("somewhere warm", None),
        ("", None),
        ("महाराष्ट्र", None),
    ],
)
def test_cities_are_found_by_what_people_call_them(inventory: Inventory, text: str, city: str | None) -> None:
    assert inventory.find_city(text) == city


def test_flights_come_cheapest_first_and_only_with_seats(inventory: Inventory) -> None:
    flights = inventory.flights("Mumbai", "Goa", TODAY + timedelta(days=9))
    assert [flight.price for flight in flights] == sorted(flight.price for flight in flights)
    assert len(flights) == 2
    assert inventory.cheapest("Mumbai", "Tokyo", TODAY + timedelta(days=1)) is None
    assert inventory.cheapest("Mumbai", "Paris", TODAY + timedelta(days=14), 3) is None
    assert inventory.cheapest("Mumbai", "Paris", TODAY + timedelta(days=14), 2) is not None
    assert inventory.flights("Delhi", "Tokyo", TODAY) == []


def test_other_days_are_near_and_not_over(inventory: Inventory) -> None:
    tomorrow = TODAY + timedelta(days=1)
    days = inventory.days("Mumbai", "Tokyo", tomorrow, 1, TODAY)
    assert len(days) == 3
    assert days == sorted(days)
    assert tomorrow not in days
    assert days[0] >= TODAY


def test_fares_are_in_the_currency_of_the_departure(inventory: Inventory) -> None:
    day = TODAY + timedelta(days=20)
    pairs = {"Mumbai": "INR", "London": "GBP", "New York": "USD", "Paris": "EUR", "Dubai": "AED", "Singapore": "SGD"}
    for origin, currency in pairs.items():
        destination = inventory.cities(origin)[0]
        assert {flight.currency for flight in inventory.flights(origin, destination, day)} == {currency}


@pytest.mark.parametrize(
    ("money", "rupees"),
    [(Money(Decimal(100), "USD"), 8400), (Money(Decimal(20000), ""), 20000), (Money(Decimal(5), "MGA"), None)],
)
def test_money_converts_at_fixed_rates(inventory: Inventory, money: Money, rupees: int | None) -> None:
    assert inventory.rupees(money) == rupees


def test_there_are_flights_for_400_days(inventory: Inventory) -> None:
    assert inventory.flights("Mumbai", "Delhi", TODAY + timedelta(days=terms.HORIZON_DAYS))
    assert not inventory.flights("Mumbai", "Delhi", TODAY + timedelta(days=terms.HORIZON_DAYS + 1))


@pytest.mark.parametrize("today", [date(2026, 11, 23), date(2027, 2, 27), date(2028, 2, 29), date(2026, 12, 31)])
def test_the_sample_bookings_exist_on_any_day(tmp_path: Path, today: date) -> None:
    inventory = Inventory.create(tmp_path, today)
    booking = inventory.booking("MDX8MJ")
    assert booking is not None
    assert (booking.flight.destination, booking.flight.day) == ("Bali", today + timedelta(days=33))
    with closing(sqlite3.connect(inventory.path)) as database:
        assert database.execute("SELECT count(*) FROM bookings").fetchone()[0] == 21


def test_creating_again_keeps_what_was_sold(inventory: Inventory) -> None:
    booked = inventory.book(a_flight(inventory).id, 1, "key")
    again = Inventory.create(inventory.path.parent, TODAY + timedelta(days=1))
    assert again.booked("key") == booked
    assert again.today() == TODAY


def test_two_that_create_at_once_make_one_inventory(tmp_path: Path) -> None:
    made = at_once([lambda: Inventory.create(tmp_path, TODAY).cities() for _ in range(4)])
    assert all(isinstance(cities, list) and len(cities) == 15 for cities in made), made


def test_a_folder_without_inventory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="create it first"):
        Inventory(tmp_path)
    (tmp_path / FILE).touch()
    with pytest.raises(InventoryError, match="create it first"):
        Inventory(tmp_path)
