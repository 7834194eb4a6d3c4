"""The rules of the desk, as predicates with the words a customer hears when one does not hold. Knows no conversation.

`field` names what the customer can change to mend it; the field's own question follows the words. `told` puts the
figures of a case into them. The figures of the rules come from terms.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from pipeline import Guardrail, guardrail
from pipeline.workflows.travel import terms
from pipeline.workflows.travel.contracts import Booking, Flight


@guardrail(field="destination")
def is_served(city: str | None) -> bool:
    """We do not fly there."""
    return city is not None


@guardrail(field="origin")
def says_where_from(others: list[str]) -> bool:
    """You named another city besides your destination."""
    return not others


@guardrail(field="destination")
def is_connected(destination: str, reachable: list[str]) -> bool:
    """There is no direct flight between these cities."""
    return destination in reachable


@guardrail(field="departure")
def not_in_the_past(departure: date, today: date) -> bool:
    """That day is over; seats are sold from today on."""
    return departure >= today


@guardrail(field="departure")
def within_horizon(departure: date, today: date) -> bool:
    """That day is too far away; seats are sold up to 400 days ahead."""
    return departure <= today + timedelta(days=terms.HORIZON_DAYS)


@guardrail(field="travellers")
def fits_in_one_booking(travellers: int) -> bool:
    """One booking takes 1 to 9 travellers."""
    return 1 <= travellers <= terms.LARGEST_PARTY


@guardrail(field="departure")
def has_seats(flights: list[Flight], travellers: int) -> bool:
    """The flights of that day have too few seats left for your party."""
    return any(flight.seats >= travellers for flight in flights)


@guardrail(field="budget")
def is_convertible(rate: Decimal | None) -> bool:
    """We cannot convert that currency; name an amount in rupees."""
    return rate is not None


@guardrail(field=("budget", "departure"))
def within_budget(price: Decimal, budget: Decimal) -> bool:
    """Even the cheapest seats of that day cost more than you want to pay."""
    return price <= budget


@guardrail(field="booking")
def exists(booking: Booking | None) -> bool:
    """We have no booking under that reference."""
    return booking is not None


@guardrail(field="booking")
def is_open(booking: Booking, today: date) -> bool:
    """That booking was cancelled or has departed, so that nothing can be done with it."""
    return booking.status == "booked" and booking.flight.day >= today


@guardrail(field="new_date")
def is_another_day(new: date, old: date) -> bool:
    """The booking is for that day already."""
    return new != old


def told(rule: Guardrail, words: str) -> Guardrail:
    """The same rule, explained with the figures of one case."""
    explained = Guardrail(rule.function, rule.fields)
    explained.message = words
    return explained
