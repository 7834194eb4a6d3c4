"""What an encoder can decide alone: the curve, the point on it that is chosen, and what a question is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.costs import Costs
from pipeline.errors import UsageError
from pipeline.routing.calibration import NEVER, Calibration, plain_margin
from pipeline.routing.curve import STEPS, Curve, wilson
from pipeline.routing.decision import MARGIN, Verdict
from pipeline.routing.evaluation import Judged
from pipeline.routing.labels import confusions, suspects, to_merge
from pipeline.routing.scope import Reading


def graded(right_of: dict[float, float], each: int = 1000) -> Curve:
    """So many messages at each confidence, of which this share is right."""
    told = np.repeat(list(right_of), each)
    right = np.concatenate([np.arange(each) < share * each for share in right_of.values()])
    return Curve(told, right, np.ones(len(told), dtype=bool))


def test_a_precision_that_can_be_had_is_the_one() -> None:
    best = graded({0.9: 0.999, 0.8: 0.995, 0.3: 0.5}).best()
    assert best is not None
    assert (best.aim, best.threshold) == (0.99, 0.8)
    assert best.coverage == pytest.approx(2 / 3, abs=0.02)


def test_one_that_cannot_is_given_up_in_steps_and_not_for_asking_always() -> None:
    curve = graded({0.9: 0.975, 0.8: 0.97, 0.3: 0.4})
    assert curve.point(0.99) is None
    best = curve.best()
    assert best is not None
    assert best.aim == 0.97
    assert best.coverage > 0.6
    assert best.low < best.precision < best.high
    assert graded({0.9: 0.8}).best() is None


def test_what_is_asked_for_is_obeyed_where_it_can_be_had() -> None:
    curve = graded({0.9: 1.0, 0.8: 0.95, 0.3: 0.4})
    wished, usual = curve.best(0.995), curve.best()
    assert wished is not None
    assert usual is not None
    assert wished.coverage < 0.4 < 0.6 < usual.coverage
    low = graded({0.9: 0.85}).best(0.8)
    assert low is not None
    assert low.coverage == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_every_point_of_a_curve_has_the_precision_it_says(rows: list[tuple[float, bool, bool]]) -> None:
    told, right, inside = zip(*[(c, r and i, i) for c, r, i in rows], strict=True)
    points = Curve(told, right, inside).points()
    assert [point.aim for point in points] == sorted((point.aim for point in points), reverse=True)
    for point in points:
        assert point.aim in STEPS
        assert point.aim <= point.precision + 1e-9
        assert 0 <= point.low <= point.precision + 1e-9 <= point.high + 1e-6
    covered = [point.coverage for point in points]
    assert covered == sorted(covered)


def test_wilson_by_hand() -> None:
    assert wilson(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=2e-4)


def test_where_nothing_is_right_the_encoder_decides_nothing_alone() -> None:
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(400, 4)).astype(np.float32)
    calibration = Calibration.fit(Reading(scores), chance.integers(0, 4, 400), 4)
    assert (calibration.sure, calibration.aim) == (NEVER, 0)


def test_asking_pays_where_a_wrong_action_costs_more() -> None:
    assert plain_margin(Costs().doubt()) == pytest.approx(MARGIN)
    calibration = Calibration(1.0, (0.0, 0.0, 0.0, 0.0), 0.5, 0.9, 0.9, doubt=(0.0, -4.0))
    costs = Costs(wrong=4, asking=1)
    usual, dangerous = calibration.margin(costs.doubt()), calibration.margin(costs.doubt(wrong=50))
    assert 1 / (1 + np.exp(4 * usual)) == pytest.approx(1 / 4)
    assert dangerous > usual
    assert calibration.margin(Costs(wrong=1, asking=2).doubt()) == 0
    sure = Verdict("pay", 0.5, out=False, sure=True, candidates=(("pay", 0.75), ("ask", 0.25)))
    assert [sure.decision(margin).kind for margin in (0.1, 0.2, 0.6)] == ["intent", "intent", "ambiguous"]
    assert not sure.decision(0.6).sure
    for wrong in (0, -1, float("nan"), float("inf"), "much"):
        with pytest.raises(UsageError, match="cost of wrong"):
            Costs(wrong=wrong)  # type: ignore[arg-type]


def test_a_margin_is_learnt_from_how_often_the_second_intent_was_meant() -> None:
    chance = np.random.default_rng(1)
    labels = chance.integers(0, 5, 3000)
    scores = chance.normal(size=(3000, 5))
    scores[np.arange(3000), labels] += 2.5
    calibration = Calibration.fit(Reading(scores.astype(np.float32)), labels, 5)
    probabilities = calibration.probabilities(Reading(scores.astype(np.float32)), 5)[:, :-1]
    order = np.argsort(-probabilities, axis=1)
    rows = np.arange(3000)
    lead = probabilities[rows, order[:, 0]] - probabilities[rows, order[:, 1]]
    margin = calibration.margin(0.2)
    near = np.abs(lead - margin) < 0.1
    assert np.mean(order[near, 1] == labels[near]) == pytest.approx(0.2, abs=0.06)


def row(text: str, expected: str, **shares: float) -> Judged:
    label = max(shares, key=lambda name: shares[name])
    return Judged(expected, label, shares[label], tuple(shares), True, text=text, shares=tuple(shares.items()))


def test_confused_pairs_have_examples_from_both_sides_and_wrong_labels_are_found() -> None:
    judged = [row(f"buy {n}", "buy", buy=0.9, ask=0.1) for n in range(8)]
    judged += [row(f"ask {n}", "ask", ask=0.8, buy=0.2) for n in range(8)]
    judged += [row("one", "buy", buy=0.4, ask=0.6), row("two", "ask", buy=0.55, ask=0.45)]
    judged += [row("mislabelled", "ask", buy=0.97, ask=0.03), row("away", "buy", buy=0.3, out_of_scope=0.7)]
    (pair, away) = confusions(judged)
    assert (pair.first, pair.second, pair.times) == ("ask", "buy", 3)
    assert pair.examples == (("two", "ask"), ("mislabelled", "ask"), ("one", "buy"))
    assert pair.gained == pytest.approx(3 / 20)
    assert (away.first, away.second) == ("buy", "out_of_scope")
    assert to_merge([pair, away]) == [pair]
    assert [(one.text, one.likelier) for one in suspects(judged)] == [("mislabelled", "buy")]
