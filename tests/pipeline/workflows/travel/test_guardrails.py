"""The desk's rules hold where they should, and their words name a way out."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from pipeline.guardrail import Guardrail
from pipeline.workflows.travel import guardrails, terms
from pipeline.workflows.travel.contracts import Booking, Change, Flight, Trip

TODAY = date(2026, 11, 23)
EVERY = [value for value in vars(guardrails).values() if isinstance(value, Guardrail)]


def a_flight(seats: int) -> Flight:
    return Flight(
        id=1,
        number="MD 102",
        origin="Mumbai",
        destination="Delhi",
        day=TODAY,
        departs="16:35",
        price=Decimal(4610),
        currency="INR",
        seats=seats,
    )


@pytest.mark.parametrize(("days", "holds"), [(-1, False), (0, True), (400, True)])
async def test_no_seat_is_sold_for_a_day_that_is_over(days: int, holds: bool) -> None:
    assert await guardrails.not_in_the_past.holds([TODAY + timedelta(days=days), TODAY]) is holds


@pytest.mark.parametrize(("days", "holds"), [(0, True), (400, True), (401, False)])
async def test_seats_are_sold_up_to_the_horizon(days: int, holds: bool) -> None:
    assert await guardrails.within_horizon.holds([TODAY + timedelta(days=days), TODAY]) is holds


@pytest.mark.parametrize(("travellers", "holds"), [(-2, False), (0, False), (1, True), (9, True), (10, False)])
async def test_a_party_is_one_to_nine(travellers: int, holds: bool) -> None:
    assert await guardrails.fits_in_one_booking.holds([travellers]) is holds


@pytest.mark.parametrize(("seats", "holds"), [([0, 2], False), ([0, 3], True), ([], False)])
async def test_all_travellers_need_a_seat_on_one_flight(seats: list[int], holds: bool) -> None:
    assert await guardrails.has_seats.holds([[a_flight(left) for left in seats], 3]) is holds


@pytest.mark.parametrize(("price", "holds"), [("9999.99", True), ("10000", True), ("10000.01", False)])
async def test_a_price_may_reach_the_budget_but_not_exceed_it(price: str, holds: bool) -> None:
    assert await guardrails.within_budget.holds([Decimal(price), Decimal(10000)]) is holds


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_every_rule_is_a_statement_before_the_question_about_a_field(rule: Guardrail) -> None:
    fields = {*Trip.model_fields, *Change.model_fields} - {"thinking"}
    assert rule.field in fields
    assert rule.message.endswith(".")


async def test_a_rule_can_be_told_with_the_figures_of_a_case() -> None:
    rule = guardrails.told(guardrails.within_budget, "The cheapest costs 9 INR.")
    assert rule.message == "The cheapest costs 9 INR."
    assert (rule.name, rule.field) == (guardrails.within_budget.name, "budget")
    assert guardrails.within_budget.message != rule.message
    assert not await rule.holds([Decimal(9), Decimal(8)])


async def test_a_booking_must_exist_and_be_open() -> None:
    booking = Booking(reference="MD7K2Q", flight=a_flight(3), travellers=1, price=Decimal(4610), status="booked")
    assert await guardrails.exists.holds([booking])
    assert not await guardrails.exists.holds([None])
    assert await guardrails.is_open.holds([booking, TODAY])
    assert not await guardrails.is_open.holds([booking, TODAY + timedelta(days=1)])
    assert not await guardrails.is_open.holds([booking.model_copy(update={"status": "cancelled"}), TODAY])


async def test_a_city_must_be_served_and_connected() -> None:
    assert await guardrails.is_served.holds(["Goa"])
    assert not await guardrails.is_served.holds([None])
    assert await guardrails.is_connected.holds(["Goa", ["Bali", "Goa"]])
    assert not await guardrails.is_connected.holds(["Goa", ["Bali"]])


async def test_a_currency_must_have_a_rate() -> None:
    assert await guardrails.is_convertible.holds([Decimal(84)])
    assert not await guardrails.is_convertible.holds([None])


async def test_a_change_is_to_another_day() -> None:
    assert await guardrails.is_another_day.holds([TODAY, TODAY + timedelta(days=1)])
    assert not await guardrails.is_another_day.holds([TODAY, TODAY])


def test_the_figures_in_the_words_are_those_of_the_terms() -> None:
    assert str(terms.HORIZON_DAYS) in guardrails.within_horizon.message
    assert f"1 to {terms.LARGEST_PARTY}" in guardrails.fits_in_one_booking.message
