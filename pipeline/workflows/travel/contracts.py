"""What travels between the nodes of the travel desk: forms a model fills by copying, and results the desk hands out.

The forms' descriptions are the questions that a customer is asked. Every amount is in the currency beside it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from models import Contract, Money, Quote, Said, Scratchpad
from pipeline.workflows.travel.booking_ref import BookingRef

City = Annotated[str, Field(max_length=24)]
Amount = Annotated[Decimal, Field(max_digits=12, decimal_places=2, ge=0)]
# Codes are patterns: a short text of any characters has the dearest masks of all (docs/benchmarks.md).
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Reference = Annotated[str, Field(pattern=r"^MD[A-Z0-9]{4}$")]
FlightNumber = Annotated[str, Field(pattern=r"^MD [0-9]{1,5}$")]
Clock = Annotated[str, Field(pattern=r"^[0-2][0-9]:[0-5][0-9]$")]
Seats = Annotated[int, Field(ge=0, le=999)]


# Forms: what the customer said.


class Trip(Contract):
    """A flight that somebody wants to book."""

    thinking: Scratchpad
    destination: Said[str] = Field(description="Where do you want to go?")
    origin: Said[str] | None = Field(None, description="Where do you leave from?")
    departure: Said[date] = Field(description="On which day do you want to leave?")
    travellers: Said[int] | None = Field(None, description="How many people travel?")
    budget: Said[Money] | None = Field(None, description="What is the most you want to pay?")


class Change(Contract):
    """A booking that somebody wants to move to another day."""

    thinking: Scratchpad
    booking: Said[BookingRef] = Field(description="What is your booking reference?")
    new_date: Said[date] = Field(description="Which day do you want to travel instead?")


class Cancellation(Contract):
    """A booking that somebody wants to cancel."""

    thinking: Scratchpad
    booking: Said[BookingRef] = Field(description="What is your booking reference?")


class Complaint(Contract):
    """Something that went wrong, as far as it has a booking or an amount."""

    thinking: Scratchpad
    booking: Said[BookingRef] | None = Field(None, description="What is your booking reference?")
    amount: Said[Money] | None = Field(None, description="How much money is it about?")


class Answer(Contract):
    """The sentence of the evidence that answers a question."""

    thinking: Scratchpad
    quote: Quote = Field(description="The sentence that answers the question.")


# What the inventory knows.


class Flight(Contract):
    """One departure; `price` is for one seat."""

    id: int = Field(ge=0, le=9_999_999)
    number: FlightNumber
    origin: City
    destination: City
    day: date
    departs: Clock
    price: Amount
    currency: Currency
    seats: Seats


class Booking(Contract):
    """A booking as it stands; `price` was paid for all travellers together."""

    reference: Reference
    flight: Flight
    travellers: Seats
    price: Amount
    status: Literal["booked", "cancelled"]


# Results: what the desk did.


class Booked(Contract):
    """Seats were taken. `price` is for all travellers together."""

    reference: Reference
    flight: FlightNumber
    origin: City
    destination: City
    departure: date
    departs: Clock
    travellers: Seats
    price: Amount
    currency: Currency


class Changed(Contract):
    """A booking was moved. `fee` and `difference` (of the fare) were charged, in `currency`."""

    reference: Reference
    flight: FlightNumber
    old_date: date
    new_date: date
    departs: Clock
    fee: Amount
    difference: Amount
    currency: Currency


class Cancelled(Contract):
    """A booking was cancelled: `fee` was kept, `refund` goes back, both in `currency`."""

    reference: Reference
    departure: date
    fee: Amount
    refund: Amount
    currency: Currency


class Ticket(Contract):
    """A complaint waits for a human under this number."""

    number: int = Field(ge=1, le=99_999_999)
    reference: Reference | None = None


class PolicyAnswer(Contract):
    """The deciding sentence of our terms, word for word, and where it stands."""

    quote: str = Field(max_length=1200)
    source: str = Field(max_length=160)
