"""A gate fitted on labelled vectors: it knows its classes, says how sure it is, and notices what is none of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import Examples, GateModel, fit
from pipeline.routing.calibration import calibration_error
from pipeline.routing.dataset import Row, read_rows

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
