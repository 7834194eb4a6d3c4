"""The cascade in a pipeline: a sure encoder asks no model, a trusted model has its say, and the receipt tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests

from index import Embedder
from index.intent_features import IntentFeatures
from models.engines.embedded import EmbeddedEngine
from pipeline import App, Equipment, Launch, Run, read_requests, run_batch, workflow
from pipeline.routing import Examples, fit
from pipeline.routing.gate import Mode
from pipeline.routing.router import Router, digest_of, examples_of, open_router

LAMPS = ["I want to buy a lamp", "two desk lamps please", "do you sell floor lamps? I take one", "order a light"]
RETURNS = ["I want to send my lamp back", "return my order", "the lamp I bought is wrong, take it back", "refund me"]
OFF = ["What is the weather like?", "Tell me a joke", "Who won the match?", "Book me a flight", "sing me a song"]


@workflow(intent="buy", examples=LAMPS)
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return "bought"


@workflow(intent="give_back", examples=RETURNS)
async def give_back(run: Run) -> str:
    """Return a lamp: we take back what was bought here."""
    return "returned"


APP = App("lamps", [buy, give_back], out_of_scope_examples=OFF)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


@pytest.mark.parametrize(("mode", "calls"), [("encoder", 0), ("cascade", 2), ("model", 4)])
async def test_who_decides(mode: Mode, calls: int, random_model: Path, embedder: Embedder, tmp_path: Path) -> None:
    texts = {"sure": "I want to buy a lamp, two desk lamps", "close": "the lamp I ordered"}
    source, out = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out"
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    engine.profile = replace(engine.profile, decides=True)
    router = Router.of_examples(APP.workflows, embedder, OFF)
    assert [router.decide(text).sure for text in texts.values()] == [True, False]
    try:
        await run_batch(
            APP, read_requests(source), out, Equipment(engine, embedder=embedder), Launch(gate=mode), today=TODAY
        )
    finally:
        await engine.close()
    rows: dict[str, Any] = {row["custom_id"]: row["receipt"] for row in lines(out / "results.jsonl")}
    assert sum(row["tokens"]["completion"] > 0 for row in rows.values()) == calls / 2
    gates = {name: row["gate"] for name, row in rows.items()}
    assert gates["sure"]["by"] == ("model" if mode == "model" else "encoder")
    asked = gates["close"]["model"]
    assert [name for name, _ in asked] == (
        [] if mode == "encoder" else ["ambiguous", "buy", "give_back", "out_of_scope"]
    )
    if asked:
        assert sum(share for _, share in asked) == pytest.approx(1, abs=1e-3)
    assert 0 <= gates["close"]["margin"] <= 1


async def test_a_model_without_trust_sees_no_choice(random_model: Path, embedder: Embedder, tmp_path: Path) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"close": "the lamp I ordered"}), tmp_path / "out"
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    engine.profile = replace(engine.profile, decides=False)
    try:
        await run_batch(
            APP, read_requests(source), out, Equipment(engine, embedder=embedder), Launch(gate="model"), today=TODAY
        )
    finally:
        await engine.close()
    (row,) = lines(out / "results.jsonl")
    assert row["status"] == "needs_input"
    assert row["receipt"]["tokens"]["completion"] == 0


def test_a_calibrated_gate_is_taken_up_only_if_it_fits(embedder: Embedder, tmp_path: Path) -> None:
    path, told = tmp_path / "lamps.gate.json", list[str]()
    rows, layers = examples_of(APP), IntentFeatures(embedder)
    vectors = layers.encode([row.text for row in rows])
    model = fit(Examples(vectors, [row.intent for row in rows]), encoder=layers.fingerprint)
    replace(model, examples=digest_of(rows)).save(path)
    app = replace(APP, gate=path)
    router = open_router(app, embedder, told.append)
    assert router.calibrated
    decision = router.decide("please sell me a lamp")
    assert (decision.intent, told) == ("buy", [])
    assert sum(share for _, share in decision.candidates) == pytest.approx(1)
    assert router.decide("please sell me a lamp", ["buy"]).intent != "buy"
    assert not open_router(replace(app, out_of_scope_examples=["hm"]), embedder, told.append).calibrated
    replace(model, examples=digest_of(rows), encoder="another").save(path)
    assert not open_router(app, embedder, told.append).calibrated
    path.write_text("{")
    assert not open_router(app, embedder, told.append).calibrated
    assert ["other examples" in told[0], "another encoder" in told[1], "no calibrated gate" in told[2]] == [True] * 3


def test_layers_do_not_depend_on_neighbours_and_read_any_text(embedder: Embedder) -> None:
    layers = IntentFeatures(embedder)
    texts = ["a lamp", "", "\ud800 odd", "a much longer sentence about two floor lamps " * 9, "Лампа"]
    together = layers.encode(texts)
    assert together.shape == (5, 7 * 384)
    for text, vector in zip(texts, together, strict=True):
        assert layers.encode([text])[0] == pytest.approx(vector, abs=1e-5)
        assert float(vector @ vector) == pytest.approx(1, abs=1e-4)
    assert layers.encode([]).shape == (0, 7 * 384)
