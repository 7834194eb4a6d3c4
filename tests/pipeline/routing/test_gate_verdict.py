"""What probabilities amount to: who is asked, about what, and what comes of two opinions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration
from pipeline.routing.decision import Verdict, combined, shortlist, verdict

THRESHOLDS = Calibration(1.0, (0.0, 0.0, 0.0, 0.0), out=0.3, sure=0.9, surely_out=0.8)
NAMES = ("buy", "give_back", "ask", "complain", "praise", "leave")


def asked(found: Verdict) -> tuple[str, ...]:
    """What a model would be asked about."""
    return shortlist(found.candidates, found.sure)


@given(st.lists(st.floats(0.001, 1), min_size=3, max_size=7), st.randoms())
def test_the_order_of_intents_changes_nothing_and_less_doubt_means_fewer_options(shares: list[float], mix) -> None:  # type: ignore[no-untyped-def]
    names = [*NAMES[: len(shares) - 1], OUT_OF_SCOPE]
    pairs = [(name, share / sum(shares)) for name, share in zip(names, shares, strict=True)]
    shuffled = list(pairs)
    mix.shuffle(shuffled)
    found = verdict(dict(pairs), THRESHOLDS)
    assert found == verdict(dict(shuffled), THRESHOLDS)
    options = asked(found)
    assert 1 <= len(options) <= 5
    assert options[0] == found.best
    assert not (found.sure and len(options) > 1)


def test_a_sure_message_has_one_option_and_an_unsure_one_several() -> None:
    sure = verdict({"buy": 0.95, "ask": 0.04, OUT_OF_SCOPE: 0.01}, THRESHOLDS)
    assert (sure.sure, sure.out, asked(sure)) == (True, False, ("buy",))
    unsure = verdict({"buy": 0.5, "ask": 0.3, "praise": 0.001, OUT_OF_SCOPE: 0.199}, THRESHOLDS)
    assert (unsure.sure, asked(unsure)) == (False, ("buy", "ask"))
    assert unsure.margin == pytest.approx(0.2)
    out = verdict({"buy": 0.1, "ask": 0.05, OUT_OF_SCOPE: 0.85}, THRESHOLDS)
    assert (out.out, out.sure) == (True, True)
    maybe_out = verdict({"buy": 0.5, "ask": 0.1, OUT_OF_SCOPE: 0.4}, THRESHOLDS)
    assert (maybe_out.out, maybe_out.sure) == (True, False)


def test_two_opinions_are_multiplied_and_neither_rules_out_alone() -> None:
    both = combined({"buy": 0.6, "ask": 0.3, OUT_OF_SCOPE: 0.1}, {"buy": 0.2, "ask": 0.6, OUT_OF_SCOPE: 0.2})
    assert both == pytest.approx({"buy": 0.12 / 0.32, "ask": 0.18 / 0.32, OUT_OF_SCOPE: 0.02 / 0.32})
    doubtful = combined({"buy": 0.5, "ask": 0.5}, {"buy": 0.1, "ask": 0.1, AMBIGUOUS: 0.8})
    assert doubtful[AMBIGUOUS] == pytest.approx(0.8)
    assert sum(doubtful.values()) == pytest.approx(1)
    assert combined({"buy": 1.0, "ask": 0.0}, {"buy": 0.0, "ask": 1.0})["ask"] == pytest.approx(0.5)
