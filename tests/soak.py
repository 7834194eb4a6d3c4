"""What takes minutes: tests with this mark repeat as often as a claim wants under `make soak`, less often otherwise."""

from __future__ import annotations

import os

import pytest

SOAK = "INTERLOCK_SOAK" in os.environ


def repeats(few: int, many: int) -> int:
    """How often: `many` under `make soak`, `few` otherwise. What is asserted is the same."""
    return many if SOAK else few


soak = pytest.mark.soak
"""The mark of a test whose repeats differ."""
