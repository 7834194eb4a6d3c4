from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Money


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("20k rupees", "20000 INR"),
        ("under 20k rupees", "20000 INR"),
        ("₹15,000", "15000 INR"),
        ("Rs. 5000", "5000 INR"),
        ("Rs.500", "500 INR"),
        ("Rs 20,000/-", "20000 INR"),
        ("INR 50k", "50000 INR"),
        ("1.5 lakh", "150000"),
        ("2 lakh rupees", "200000 INR"),
        ("two lakh rupees", "200000 INR"),
        ("₹1,50,000", "150000 INR"),
        ("twenty thousand rupees", "20000 INR"),
        ("my budget is 20k rupees in total", "20000 INR"),
        ("$1.2k", "1200 USD"),
        ("500 bucks", "500 USD"),
        ("US$ 99.99", "99.99 USD"),
        ("USD 450", "450 USD"),
        ("450USD", "450 USD"),
        ("two hundred dollars", "200 USD"),
        ("a hundred dollars", "100 USD"),
        ("500 canadian dollars", "500 CAD"),
        ("under $500.", "500 USD"),
        ("300 euros", "300 EUR"),
        ("80€", "80 EUR"),
        ("€1.200,50", "1200.5 EUR"),
        ("€1.200", "1200 EUR"),
        ("no more than 300 EUR", "300 EUR"),
        ("around 1.5k euros", "1500 EUR"),
        ("£80", "80 GBP"),
        ("12 quid", "12 GBP"),
        ("1.5 million yen", "1500000 JPY"),
        ("under 500", "500"),
        ("up to 20k", "20000"),
        ("five hundred", "500"),
        ("500", "500"),
    ],
)
def test_an_amount_is_read_as_it_is_said(text: str, money: str) -> None:
    assert str(Money.read(text)) == money


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "cheap",
        "rupees",
        "2 people",
        "5 December",
        "24/12",
        "7pm",
        "500 pesos",
        "300-400 euros",
        "300 to 400 euros",
        "between 200 and 300 euros",
        "at least 300 euros",
        "more than 300 euros",
        "500 per person",
        "500 euros each",
        "$500/night",
        "500 USD or 450 EUR",
        "XXX¤ 5",
        "12,34,5 euros",
        "9" * 40 + " euros",
    ],
)
def test_what_is_not_clearly_one_amount_is_not_guessed(text: str) -> None:
    assert Money.read(text) is None


@given(st.decimals(-(10**12), 10**12, places=4), st.sampled_from(["", "INR", "KWD", "CLP", "XPF"]))
def test_written_money_reads_back(amount: Decimal, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.read(str(money)) == money


@given(st.text(max_size=64))
def test_no_text_breaks_it(text: str) -> None:
    money = Money.read(text)
    assert money is None or Money.read(str(money)) == money


def test_a_currency_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="write one such as EUR"):
        Money(Decimal(5), "BTC")
    with pytest.raises(ValueError, match="finite"):
        Money(Decimal("NaN"), "EUR")
