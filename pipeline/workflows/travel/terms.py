"""The desk's rules as arithmetic: horizon, party size, fees. The same figures stand in knowledge/*.md; a test compares.

The desk knows the day, not the hour, so every period counts whole calendar days, in the customer's favour.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

HORIZON_DAYS = 400
"""Seats are sold up to this many days ahead."""

LARGEST_PARTY = 9
"""Travellers in one booking."""

FREE_CANCELLATION_DAYS = 2
"""Cancelling is free until 48 hours before departure …"""

CANCELLATION_SHARE = Decimal("0.5")
"""… and costs this share of the price after that."""

FREE_CHANGE_DAYS = 14
"""Moving a booking is free until this many days before departure …"""

CHANGE_FEE_INR = Decimal(1500)
"""… and costs this much per booking after that. A dearer flight costs the difference in fare besides, at any time."""


def cents(amount: Decimal) -> Decimal:
    """The amount rounded to two decimals, without decimals where it is whole."""
    rounded = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    whole = rounded.to_integral_value()
    return whole if rounded == whole else rounded


def cancellation_fee(price: Decimal, departure: date, today: date) -> Decimal:
    """What is kept of `price` when a booking is cancelled today."""
    free = (departure - today).days >= FREE_CANCELLATION_DAYS
    return Decimal(0) if free else cents(price * CANCELLATION_SHARE)


def change_fee(departure: date, today: date, rate: Decimal) -> Decimal:
    """What moving a booking costs today, without the difference in fare; `rate` is rupees for one unit."""
    free = (departure - today).days >= FREE_CHANGE_DAYS
    return Decimal(0) if free else cents(CHANGE_FEE_INR / rate)
