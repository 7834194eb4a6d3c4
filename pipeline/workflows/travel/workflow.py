"""The five things Meridian Desk does for a customer, each from the first word to its ending.

Knows the order of things and what to say when a rule does not hold; the rules are in guardrail.py, the effects in
actions.py, the figures in terms.py.
"""

from __future__ import annotations

from datetime import date

from pipeline import Escalation, Refused, Run, workflow
from pipeline.workflows.travel import examples, guardrails, lookups
from pipeline.workflows.travel.actions import book, cancel, change, open_ticket
from pipeline.workflows.travel.contracts import (
    Answer,
    Booked,
    Booking,
    Cancellation,
    Cancelled,
    Change,
    Changed,
    Complaint,
    Flight,
    PolicyAnswer,
    Trip,
)
from pipeline.workflows.travel.guardrails import told
from pipeline.workflows.travel.terms import cancellation_fee
from pipeline.workflows.travel.wording import listed, on, price

HOME = "Mumbai"
"""Where a trip starts when the customer does not say."""


@workflow(intent="book_trip", examples=examples.BOOK_TRIP, actions=[book], form=Trip)
async def book_trip(run: Run) -> Booked | str:
    """Book a trip: seats on a flight, within a budget if one was named.

    A customer who named a budget has agreed to any price below it; everybody else is asked first.
    """
    trip = await run.collect(Trip)
    travellers = 1 if trip.travellers is None else trip.travellers
    await run.require(guardrails.fits_in_one_booking, travellers)
    await run.require(guardrails.not_in_the_past, trip.departure, run.today)
    await run.require(guardrails.within_horizon, trip.departure, run.today)
    run.say("Searching flights…")
    origin = await _city(run, trip.origin or HOME, "origin")
    destination = await _city(run, trip.destination, "destination")
    if trip.origin is None:  # home is a guess, and none to be made beside another city's name
        mentioned = await run.step(lookups.cities_in, run.state, run.text)
        await run.require(guardrails.says_where_from, [city for city in mentioned if city not in (HOME, destination)])
    reachable = await run.step(lookups.cities_from, run.state, origin)
    no_route = f"We have no direct flight from {origin} to {destination}; from there we fly to {listed(reachable)}."
    await run.require(told(guardrails.is_connected, no_route), destination, reachable)
    flights = await run.step(lookups.find_flights, run.state, origin, destination, trip.departure)
    flight = await _with_seats(run, flights, travellers, "departure", trip.departure, origin, destination)
    total = flight.price * travellers
    if trip.budget is not None:
        paid_in = await run.step(lookups.find_rate, run.state, flight.currency)
        named_in = await run.step(lookups.find_rate, run.state, trip.budget.currency)
        await run.require(guardrails.is_convertible, named_in)
        cost, budget = total * (paid_in or 1), trip.budget.amount * (named_in or 1)
        named = price(trip.budget.amount, trip.budget.currency or "INR")
        too_dear = (
            f"The cheapest way from {origin} to {destination} on {on(flight.day, run.today)} costs"
            f" {price(total, flight.currency)}, more than {named}: raise your budget, or ask for another day."
        )
        await run.require(told(guardrails.within_budget, too_dear), cost, budget)
    else:
        party = "" if travellers == 1 else f" for {travellers} travellers"
        offer = (
            f"Book {origin} → {destination}{party} on {on(flight.day, run.today)} for {price(total, flight.currency)}?"
        )
        if not await run.confirm(offer):
            return "Nothing was booked."
    run.say("Booking…")
    try:
        return await run.do(book, run.state, flight.id, travellers)
    except Refused as refused:
        return f"{refused} Nothing was booked."


@workflow(intent="change_booking", examples=examples.CHANGE_BOOKING, actions=[change], form=Change)
async def change_booking(run: Run) -> Changed | str:
    """Move a booking to another date.

    Free of charge and of any difference in fare it is done at once; otherwise the customer is asked first.
    """
    wish = await run.collect(Change)
    booking = await _booking(run, wish.booking)
    old = booking.flight
    await run.require(guardrails.not_in_the_past, wish.new_date, run.today, field="new_date")
    await run.require(guardrails.within_horizon, wish.new_date, run.today, field="new_date")
    await run.require(guardrails.is_another_day, wish.new_date, old.day)
    run.say("Searching flights…")
    flights = await run.step(lookups.find_flights, run.state, old.origin, old.destination, wish.new_date)
    flight = await _with_seats(run, flights, booking.travellers, "new_date", wish.new_date, old.origin, old.destination)
    fee, difference = await run.step(lookups.price_change, run.state, booking, flight, run.today)
    if fee or difference:
        parts = [
            f"{price(amount, old.currency)} {what}"
            for amount, what in ((fee, "for the change"), (difference, "difference in fare"))
            if amount
        ]
        days = f"from {on(old.day, run.today)} to {on(flight.day, run.today)}"
        offer = f"Move {booking.reference} {days} for {listed(parts)}?"
        if not await run.confirm(offer):
            return "Nothing was changed."
    run.say("Changing your booking…")
    try:
        return await run.do(change, run.state, booking.reference, flight.id, run.today)
    except Refused as refused:
        return f"{refused} Nothing was changed."


@workflow(intent="cancel_booking", examples=examples.CANCEL_BOOKING, actions=[cancel], form=Cancellation)
async def cancel_booking(run: Run) -> Cancelled | str:
    """Cancel a booking and give the money back.

    Free of charge it is done at once; where a part of the price is kept, or the wish was less than clear, the customer
    is asked first.
    """
    booking = await _booking(run, (await run.collect(Cancellation)).booking)
    flight = booking.flight
    fee = cancellation_fee(booking.price, flight.day, run.today)
    if fee or not run.sure:
        kept = f"keep {price(fee, flight.currency)} and " if fee else ""
        offer = (
            f"Cancel {booking.reference}, {flight.origin} → {flight.destination} on {on(flight.day, run.today)}?"
            f" We {kept}refund {price(booking.price - fee, flight.currency)}."
        )
        if not await run.confirm(offer):
            return "Nothing was cancelled."
    run.say("Cancelling your booking…")
    try:
        return await run.do(cancel, run.state, booking.reference, run.today)
    except Refused as refused:
        return f"{refused} Nothing was cancelled."


@workflow(intent="ask_policy", examples=examples.ASK_POLICY)
async def ask_policy(run: Run) -> PolicyAnswer | Escalation:
    """Ask about our terms: baggage, fees, documents, children, pets, check-in, payment, delays.

    The answer is a sentence of our terms, word for word, with its source; without one a person answers.
    """
    run.say("Reading our terms…")
    passages = await run.retrieve(run.text)
    if not passages:
        return Escalation(to="travel desk", reason="Our terms do not answer this question.")
    answer = await run.generate(Answer, run.text, evidence=passages)
    source = next((passage for passage in passages if answer.quote in passage.text), passages[0])
    return PolicyAnswer(quote=answer.quote[:1200], source=f"{source.document} › {source.heading}"[:160])


@workflow(intent="complain", examples=examples.COMPLAIN, actions=[open_ticket], form=Complaint)
async def complain(run: Run) -> Escalation:
    """Make a complaint about something that went wrong.

    It is written down with booking and amount, if they were named, and always answered by a person.
    """
    complaint = await run.collect(Complaint)
    ticket = await run.do(open_ticket, run.state, run.text, complaint.booking, complaint.amount)
    about = "" if ticket.reference is None else f" about {ticket.reference}"
    return Escalation(to="customer care", reason=f"Complaint{about}, ticket {ticket.number}.")


async def _city(run: Run, said: str, field: str) -> str:
    """The city that the customer means, among those we serve; a question about `field` otherwise."""
    city = await run.step(lookups.find_city, run.state, said)
    if city is None:
        served = listed(await run.step(lookups.cities_from, run.state, None))
        await run.require(
            told(guardrails.is_served, f'We do not fly to "{said}"; we serve {served}.'), city, field=field
        )
    return city or said


async def _booking(run: Run, reference: str) -> Booking:
    """The open booking with a reference; a question for the reference otherwise."""
    run.say("Looking up your booking…")
    booking = await run.step(lookups.find_booking, run.state, reference)
    await run.require(told(guardrails.exists, f"We have no booking {reference}."), booking)
    if booking is None:
        raise Escalation(to="travel desk", reason=f"There is no booking {reference}.")
    ended = "was cancelled" if booking.status == "cancelled" else f"left on {on(booking.flight.day, run.today)}"
    await run.require(
        told(guardrails.is_open, f"Booking {reference} {ended}, so nothing can be done with it."), booking, run.today
    )
    return booking


async def _with_seats(
    run: Run, flights: list[Flight], travellers: int, field: str, day: date, origin: str, destination: str
) -> Flight:
    """The cheapest of a day's flights with seats for everybody; a question about the day otherwise."""
    flight = next((flight for flight in flights if flight.seats >= travellers), None)
    if flight is not None:
        return flight
    days = await run.step(lookups.find_days, run.state, origin, destination, day, travellers, run.today)
    near = listed([on(other, run.today) for other in days], "or") if days else "no day"
    full = f"{origin} → {destination} is sold out on {on(day, run.today)}; there are seats on {near}."
    await run.require(told(guardrails.has_seats, full), flights, travellers, field=field)
    raise Escalation(to="travel desk", reason=full)
