"""The cascade in a pipeline: a sure encoder asks no model, a trusted model has its say, and the receipt tells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests

from index import Embedder
from index.intent_features import IntentFeatures
from models.engines.embedded import EmbeddedEngine
from models.engines.profiles import Profile
from pipeline import App, Equipment, Launch, Run, UsageError, read_requests, run_batch, workflow
from pipeline.routing import Examples, fit
from pipeline.routing.decision import Decision
from pipeline.routing.gate import Mode
from pipeline.routing.router import Router, digest_of, examples_of, open_router
from pipeline.routing.trial import Trial, keep, read_trials, tried, worth
from pipeline.runtime.trust import told_to

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
PLAIN = Launch()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


@pytest.mark.parametrize(("mode", "calls"), [("encoder", 0), ("cascade", 2), ("model", 4)])
async def test_who_decides(mode: Mode, calls: int, random_model: Path, embedder: Embedder, tmp_path: Path) -> None:
    texts = {"sure": "I want to buy a lamp, two desk lamps", "close": "the lamp I ordered"}
    source, out = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out"
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    router = Router.of_examples(APP.workflows, embedder, OFF)
    assert [router.decide(text).sure for text in texts.values()] == [True, False]
    try:
        await run_batch(
            APP,
            read_requests(source),
            out,
            Equipment(engine, embedder=embedder),
            Launch(gate=mode, trust=None if mode == "model" else True),
            today=TODAY,
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


async def test_a_model_that_never_won_a_trial_sees_no_choice(
    random_model: Path, embedder: Embedder, tmp_path: Path
) -> None:
    source, out = write_requests(tmp_path / "in.jsonl", {"close": "the lamp I ordered"}), tmp_path / "out"
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    told: list[str] = []
    try:
        await run_batch(
            APP, read_requests(source), out, Equipment(engine, embedder=embedder), today=TODAY, progress=told.append
        )
    finally:
        await engine.close()
    (row,) = lines(out / "results.jsonl")
    assert row["status"] == "needs_input"
    assert row["receipt"]["tokens"]["completion"] == 0
    assert "never measured against the encoder on lamps" in told[0]
    with pytest.raises(UsageError, match="--no-trust does not"):
        Launch(gate="model", trust=False)


def trial(identity: str, better: int, worse: int) -> Trial:
    return Trial("m", identity, told_to(APP, Profile("m")), 40, 12, 0.5, 0.9, 0.9, better, worse)


async def test_a_trial_that_was_won_lets_that_very_model_choose_in_folders_that_begin_after_it(
    random_model: Path, embedder: Embedder, tmp_path: Path
) -> None:
    app = replace(APP, trials=tmp_path / "trials.json")
    source = write_requests(tmp_path / "in.jsonl", {"close": "the lamp I ordered"})
    engine = await EmbeddedEngine.open(random_model, str(random_model))

    async def asked(out: str, launch: Launch = PLAIN, accept_changes: bool = False) -> bool:
        requests, equipment = read_requests(source), Equipment(engine, embedder=embedder)
        await run_batch(app, requests, tmp_path / out, equipment, launch, today=TODAY, accept_changes=accept_changes)
        return bool(json.loads((tmp_path / out / "manifest.json").read_text())["trusted"])

    try:
        assert not await asked("before")
        keep(trial("another model", 10, 0), app.trials)
        keep(trial(engine.identity, 3, 2), app.trials)
        assert not await asked("lost")
        keep(trial(engine.identity, 10, 0), app.trials)
        assert len(read_trials(app.trials)) == 2
        assert await asked("won")
        (row,) = lines(tmp_path / "won" / "results.jsonl")
        assert row["receipt"]["gate"]["by"] != "encoder" or row["receipt"]["tokens"]["completion"] > 0
        assert not await asked("before")  # as it was begun
        with pytest.raises(UsageError, match="the trust in the model: False → True"):
            await asked("before", Launch(trust=True))
        assert await asked("before", Launch(trust=True), accept_changes=True)
        assert not await asked("refused", Launch(trust=False))
        app = replace(app, out_of_scope_examples=["hm"])  # the trial was on other examples
        assert not await asked("changed")
        app.trials.write_text("{")
        with pytest.raises(UsageError, match="holds no trials of models"):
            await asked("broken")
    finally:
        await engine.close()


def test_a_trial_is_won_by_more_than_luck() -> None:
    assert [trial("m", *pair).won for pair in ((4, 0), (5, 0), (9, 3), (10, 2), (0, 0))] == [
        False, True, False, True, False
    ]  # fmt: skip
    sure = Decision("intent", "buy", (("buy", 0.9), ("give_back", 0.1)))
    asks = Decision("ambiguous", None, (("out_of_scope", 0.5), ("buy", 0.3), ("give_back", 0.2)))
    wrong, out = replace(sure, intent="give_back"), replace(sure, kind="out_of_scope", intent=None)
    assert [worth("buy", one) for one in (sure, asks, wrong, out)] == [1, 0.5, 0, 0]
    assert worth("out_of_scope", out) == 1
    found = tried("m", "id", "", 9, [("buy", asks, sure, wrong), ("buy", sure, asks, wrong)])
    assert (found.asked, found.encoder, found.cascade, found.alone, found.better, found.worse) == (
        2,
        0.75,
        0.75,
        0,
        1,
        1,
    )
    assert not found.won


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
