"""A gate fitted on labelled vectors: it knows its classes, says how sure it is, and notices what is none of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg  # type: ignore[import-untyped]

from pipeline.costs import Costs
from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import Choice, Examples, GateModel, calibration, choose, fit, head
from pipeline.routing.calibration import calibration_error
from pipeline.routing.dataset import Row, read_rows
from pipeline.routing.fitting import folds_of
from pipeline.routing.head import principal
from pipeline.routing.neighbours import Neighbours

DIMENSIONS = 24


def clouds(seed: int, classes: int, each: int, spread: float = 0.16) -> tuple[np.ndarray, list[str]]:
    """Unit vectors around class centres, which are the same for every seed."""
    centres = np.random.default_rng(99).normal(size=(classes + 6, DIMENSIONS))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = np.random.default_rng(seed)
    rows = np.repeat(np.arange(classes), each)
    vectors = centres[rows] + spread * noise.normal(size=(len(rows), DIMENSIONS))
    strange = centres[classes:].repeat(max(each // 6, 1), axis=0)
    vectors = np.vstack([vectors, strange + spread * noise.normal(size=strange.shape)]).astype(np.float32)
    labels = [f"intent{row}" for row in rows] + [OUT_OF_SCOPE] * len(strange)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


@pytest.mark.parametrize("outsiders", [True, False], ids=["some", "no"])
def test_held_out_probabilities_mean_what_they_say(outsiders: bool) -> None:
    vectors, labels = clouds(1, 8, 60)
    keep = [n for n, label in enumerate(labels) if outsiders or label != OUT_OF_SCOPE]
    model = fit(Examples(vectors[keep], [labels[n] for n in keep]), encoder="here")
    fresh, truth = clouds(2, 8, 100)
    probabilities = model.probabilities(fresh)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(fresh)))
    told = [model.names[column] for column in probabilities.argmax(axis=1)]
    right = [one == other for one, other in zip(told, truth, strict=True)]
    inside = [label != OUT_OF_SCOPE for label in truth]
    assert np.mean(np.array(right)[inside]) > 0.9
    confidence = probabilities.max(axis=1)[inside]
    assert calibration_error(confidence, [r for r, i in zip(right, inside, strict=True) if i]) < 0.06
    beyond = probabilities[:, -1]
    away = beyond > model.calibration.out
    assert np.mean(away[[not i for i in inside]]) > (0.7 if outsiders else 0.3)
    assert np.mean(away[inside]) < 0.05


def test_the_same_examples_and_seed_give_the_same_gate() -> None:
    vectors, labels = clouds(1, 4, 20)
    one, other = fit(Examples(vectors, labels), seed=3), fit(Examples(vectors, labels), seed=3)
    assert one.calibration == other.calibration
    assert np.array_equal(one.head.weights, other.head.weights)


def test_with_a_single_example_of_an_intent_the_nearest_class_decides() -> None:
    vectors, labels = clouds(1, 3, 1)
    inside = [n for n, label in enumerate(labels) if label != OUT_OF_SCOPE]
    model = fit(Examples(vectors[inside], [labels[n] for n in inside]))
    assert model.head.method == "nearest"
    fresh, truth = clouds(5, 3, 10)
    told = model.probabilities(fresh)[:30, :-1].argmax(axis=1)
    assert [model.intents[number] for number in told] == truth[:30]


def test_an_intent_ruled_out_leaves_its_share_to_the_others() -> None:
    vectors, labels = clouds(1, 3, 20)
    model = fit(Examples(vectors, labels))
    probabilities = model.probabilities(vectors[:5], without=["intent0"])
    assert np.all(probabilities[:, 0] == 0)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5))


def test_a_gate_comes_back_from_its_files_and_an_altered_one_does_not(tmp_path: Path) -> None:
    vectors, labels = clouds(1, 4, 12)
    path = tmp_path / "shop.gate.json"
    model = fit(Examples(vectors, labels), encoder="an encoder")
    model.save(path)
    again = GateModel.load(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shop.gate.json", "shop.gate.safetensors"]
    assert (again.intents, again.calibration, again.encoder) == (model.intents, model.calibration, "an encoder")
    assert np.array_equal(again.probabilities(vectors), model.probabilities(vectors))
    matrices = tmp_path / "shop.gate.safetensors"
    matrices.write_bytes(matrices.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(UsageError, match="run interlock calibrate again"):
        GateModel.load(path)
    path.write_text(json.dumps({"version": 1}))
    with pytest.raises(UsageError, match="no calibrated gate"):
        GateModel.load(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"text": "a", "intent": "b"}\n{"text": 3, "intent": "b"}', "line 2 is no labelled message"),
        ("no json", "line 1 is not JSON"),
        ("[1]", "line 1 is no labelled message"),
        ('{"text": "a", "intent": "ambiguous"}', "the gate's own word"),
        ('{"text": " ", "intent": "b"}', "line 1 has an empty text"),
        ('{"text": "a", "intent": "oos"}', "labelled 'out_of_scope'"),
        ('{"text": "a", "intent": "Out of scope"}', "labelled 'out_of_scope'"),
        ("\n\n", "has no rows"),
        ("[" * 100_000, "line 1 is n"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(UsageError, match=told):
        read_rows(tmp_path / "rows.jsonl")


def test_rows_are_read_in_order_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "intent": "b"}\n\n{"text": "ü", "intent": "c", "id": 1}\n')
    assert read_rows(tmp_path / "rows.jsonl") == [Row("a", "b"), Row("ü", "c")]


def test_calibration_error_by_hand() -> None:
    assert calibration_error([0.9, 0.9, 0.1], [True, False, False]) == pytest.approx((0.8 + 0.1) / 3)
    assert calibration_error([], []) == 0


def test_a_gate_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    vectors, labels = clouds(1, 4, 12)
    path = tmp_path / "gate.json"
    model = fit(Examples(vectors, labels))
    model.save(path)
    kept = json.loads(path.read_text())
    for later in ("doubt", "aim", "apart"):
        del kept["calibration"][later]
    del kept["encoder_name"]
    path.write_text(json.dumps(kept))
    again = GateModel.load(path)
    assert np.array_equal(again.probabilities(vectors), model.probabilities(vectors))
    assert again.calibration.margin(1 / 2.5) == pytest.approx(0.2)
    assert again.encoder_name == "all-MiniLM-L6-v2"


def test_what_is_near_an_intent_and_for_none_is_learnt_without_examples_of_it() -> None:
    vectors, labels = clouds(1, 12, 40, spread=0.12)
    hidden = {"intent10", "intent11"}
    seen = [n for n, label in enumerate(labels) if label not in hidden and label != OUT_OF_SCOPE]
    model = fit(Examples(vectors[seen], [labels[n] for n in seen]))
    fresh, truth = clouds(2, 12, 40, spread=0.12)
    away = model.probabilities(fresh)[:, -1] > model.calibration.out
    assert np.mean(away[[label in hidden for label in truth]]) > 0.8
    assert np.mean(away[[label not in hidden and label != OUT_OF_SCOPE for label in truth]]) < 0.1


def test_the_regression_stays_unless_another_head_is_surely_better() -> None:
    vectors, labels = clouds(1, 6, 30)
    tried = choose(Examples(vectors, labels, layer=8))
    assert {one.method for one in tried} == {"regression", "late", "metric"}
    assert tried[0].method == "regression"  # though another may have a message or two more
    assert max(one.right for one in tried) - tried[0].right < 0.02
    assert [one.right for one in tried[1:]] == sorted((one.right for one in tried[1:]), reverse=True)
    assert choose(Examples(vectors[:2], labels[:2])) == [Choice("nearest")]
    inside = [n for n, label in enumerate(labels) if label != OUT_OF_SCOPE]  # near misses have to be learnt
    assert "metric" not in {one.method for one in choose(Examples(vectors[inside], [labels[n] for n in inside]))}


def between(seed: int, hidden: bool) -> tuple[np.ndarray, list[str]]:
    """Intents 0 to 11 are two clouds each, intents 12 to 19 lie between those of one of the first eight; `hidden`: of
    the four that are left, as no intent's. A linear head finds the latter likely, and they are like no example.
    """
    made = np.random.default_rng(5)
    turned = np.linalg.qr(made.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    noise = np.random.default_rng(seed)
    rows: list[np.ndarray] = []
    labels: list[str] = []

    def cloud(middle: np.ndarray, label: str, each: int) -> None:
        rows.append(middle + 0.08 * noise.normal(size=(each, DIMENSIONS)))
        labels.extend([label] * each)

    for number in range(12):
        aside = 0.9 * turned[12 + number]
        if not hidden:
            cloud(turned[number] + aside, f"intent{number}", 15)
            cloud(turned[number] - aside, f"intent{number}", 15)
        if hidden == (number >= 8):
            cloud(turned[number], OUT_OF_SCOPE if hidden else f"intent{12 + number}", 30)
    vectors = np.concatenate(rows).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def test_likeness_to_examples_is_kept_where_it_tells_near_misses(tmp_path: Path) -> None:
    vectors, labels = between(1, hidden=False)
    model = fit(Examples(vectors, labels), Choice("regression"))
    assert model.calibration.apart is not None
    with_it, without = model.calibration.apart
    assert with_it > without + 0.02
    assert model.calibration.compares
    away = model.probabilities(between(2, hidden=True)[0])[:, -1] > model.calibration.out
    assert np.mean(away) > 0.8
    assert np.mean(model.probabilities(between(2, hidden=False)[0])[:, -1] > model.calibration.out) < 0.1
    path = tmp_path / "gate.json"
    model.save(path)
    assert np.array_equal(GateModel.load(path).probabilities(vectors), model.probabilities(vectors))
    replace(model, neighbours=None, calibration=replace(model.calibration, scope=(0.0,) * 4)).save(path)
    kept = json.loads(path.read_text())
    kept["calibration"]["scope"] = list(model.calibration.scope)
    path.write_text(json.dumps(kept))
    with pytest.raises(UsageError, match="run interlock calibrate again"):
        GateModel.load(path)


def test_likeness_is_the_mean_cosine_of_the_nearest_three_by_hand() -> None:
    examples = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6], [-1, 0]], dtype=np.float32)
    numbers = np.array([0, 0, 0, 0, 1])
    near = Neighbours.of(examples, numbers, 2, np.eye(2, dtype=np.float32))
    asked = np.array([[1, 0], [1, 0]], dtype=np.float32)
    assert near.likeness(asked, np.array([0, 1])) == pytest.approx([(1 + 0.8 + 0.6) / 3, -1])


@pytest.mark.parametrize("rows", [10, 60])
def test_principal_directions_are_orthonormal_and_keep_what_there_is(rows: int) -> None:
    vectors = np.random.default_rng(3).normal(size=(rows, 24)).astype(np.float32)
    directions = principal(vectors, 24)
    assert directions.shape == (24, min(rows, 24))
    assert directions.T @ directions == pytest.approx(np.eye(directions.shape[1]), abs=1e-4)
    assert vectors @ directions @ directions.T == pytest.approx(vectors, abs=1e-4)
    assert principal(vectors, 3).shape == (24, 3)


def test_of_many_wide_vectors_some_say_where_the_directions_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    made = np.random.default_rng(3)
    vectors = (made.normal(size=(90, 6)) @ made.normal(size=(6, 60))).astype(np.float32)
    whole = principal(vectors, 6)
    taken: list[tuple[int, ...]] = []
    solve = scipy.linalg.eigh
    monkeypatch.setattr(
        scipy.linalg, "eigh", lambda square, **named: taken.append(square.shape) or solve(square, **named)
    )
    monkeypatch.setattr(head, "SQUARE", 40)
    some = principal(vectors, 6)
    assert taken == [(40, 40)]
    assert some.T @ some == pytest.approx(np.eye(6), abs=1e-4)
    assert vectors @ some @ some.T == pytest.approx(vectors, abs=1e-3)  # they are the same six
    assert whole.shape == some.shape


def test_each_head_of_a_fit_is_told_before_it_is_fitted() -> None:
    vectors, labels = clouds(1, 6, 12)
    told: list[str] = []
    fit(Examples(vectors, labels), Choice("regression"), progress=told.append)
    assert told == [
        f"Fitting 6 intents on {len(labels)} examples…",
        *[f"Holding out part {number} of 5…" for number in range(1, 6)],
        *[f"Holding out whole intents, part {number} of 5…" for number in range(1, 6)],
    ]
    assert [folds_of(5_000), folds_of(5_001)] == [5, 3]


def test_what_a_wrong_action_costs_says_how_many_are_turned_away() -> None:
    vectors, labels = between(1, hidden=False)
    fresh, others = between(2, hidden=False)[0], between(2, hidden=True)[0]
    found: list[float] = []
    lost: list[float] = []
    for wrong in (1.0, 2.5, 40.0):
        model = fit(Examples(vectors, labels), Choice("regression"), costs=Costs(wrong=wrong))
        away = [float((model.probabilities(rows)[:, -1] > model.calibration.out).mean()) for rows in (fresh, others)]
        lost.append(away[0])
        found.append(away[1])
    assert found[0] <= found[1] <= found[2]
    assert lost[0] <= lost[1] <= lost[2] < 0.15


def test_one_message_more_hardly_moves_the_threshold() -> None:
    draw = np.random.default_rng(4)
    known, unknown = (1 / (1 + np.exp(-draw.normal(mean, 1.2, 400))) for mean in (-4, -0.5))
    weights = np.repeat([0.9 / 400, 0.1 / 400], 400)
    right = np.ones(400, dtype=bool)
    whole = calibration._cheapest(known, unknown, right, weights, Costs())
    for row in np.argsort(-known)[:8]:  # those that lie furthest out
        less = calibration._cheapest(np.delete(known, row), unknown, right[1:], np.delete(weights, row), Costs())
        assert abs(less - whole) < 0.015
