"""A booking reference is read from the words around it."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.workflows.travel.booking_ref import BookingRef


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("MD7K2Q", "MD7K2Q"),
        ("booking ref md7k2q.", "MD7K2Q"),
        ("md 7k2q", "MD7K2Q"),
        ("MD-7K2Q", "MD7K2Q"),
        (" (MDKQRT)", "MDKQRT"),
        ("XK9Q2P", "XK9Q2P"),
        ("order AB12CD, sorry, MD7K2Q", "MD7K2Q"),
        ("my booking", None),
        ("please cancel", None),
        ("123456", None),
        ("MD7K2QQ", None),
        ("", None),
    ],
)
def test_reading(text: str, reference: str | None) -> None:
    assert BookingRef.read(text, date(2026, 11, 23)) == reference


def test_a_reference_reads_itself() -> None:
    reference = BookingRef.read("md7k2q", date(2026, 11, 23))
    assert isinstance(reference, BookingRef)
    assert BookingRef.read(str(reference), date(2026, 11, 23)) == reference
