"""The model in models/tiny: small, trained on the prompts of today, and good enough to copy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from models.engines.engine import Engine, Message, Sampling
from models.engines.open_engine import open_engine
from models.engines.profiles import profile_of
from models.values.money import Money
from pipeline.prompts import copier
from pipeline.record import Turn
from pipeline.workflows.travel.contracts import Change, Trip
from scripts.evaluate import forms

TINY = Path(__file__).parents[1] / "models" / "tiny"
DEV = Path(__file__).parents[2] / "shared" / "data" / "sgd" / "travel_dev.jsonl"
MONDAY = date(2026, 11, 23)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tiny() -> AsyncIterator[Engine]:
    async with open_engine("models/tiny") as engine:
        yield engine


def test_it_was_trained_on_the_prompts_that_the_pipeline_uses() -> None:
    training = json.loads((TINY / "training.json").read_text())
    assert training["prompts"] == copier.TRAINED_HASH, "train the model again, or restore the prompts"
    assert copier.COPIER_HASH == "acb3832ba8e18d79"  # of all its prompts, as folders of results have it
    assert profile_of("models/tiny").layout == "copier"
    assert copier.TRAINED_HASH in (TINY / "README.md").read_text()


def test_it_is_at_most_40_megabytes() -> None:
    assert sum(path.stat().st_size for path in TINY.iterdir()) <= 40e6


@pytest.mark.asyncio(loop_scope="module")
async def test_it_is_not_trusted_with_decisions(tiny: Engine) -> None:
    assert not tiny.profile.decides


@pytest.mark.asyncio(loop_scope="module")
async def test_it_copies_names_it_has_never_seen(tiny: Engine) -> None:
    turns = [
        Turn("customer", "Please book a flight from Quarvelen to Ostrimbad on 5 December for 3 people, max 700 euros")
    ]
    trip = await forms.fill_one(tiny, Trip.draft(), turns, MONDAY)
    assert trip.public() == {
        "destination": "Ostrimbad",
        "origin": "Quarvelen",
        "departure": "2026-12-05",
        "travellers": "3",
        "budget": str(Money.read("700 euros")),
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_it_leaves_empty_what_was_not_said(tiny: Engine) -> None:
    change = await forms.fill_one(tiny, Change.draft(), [Turn("customer", "I want to change my flight")], MONDAY)
    assert change.public() == {"booking": None, "new_date": None}


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_grammar_it_still_ends_its_texts(tiny: Engine) -> None:
    messages = copier.Copier().fill(Trip.draft(), [Turn("customer", "I want to fly to Goa tomorrow")])
    completion = await tiny.generate(messages, None, Sampling(), 200)
    assert completion.finish_reason == "stop"
    assert isinstance(messages[0], Message)


@pytest.mark.skipif(not DEV.is_file(), reason="the public dialogues are not on this machine")
def test_on_dialogues_held_out_from_training_it_copies_well(capsys: pytest.CaptureFixture[str]) -> None:
    forms.fill(data=DEV, model="models/tiny", limit=300)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["f1"] >= 0.82
    assert figures["empty_kept"] >= 0.94


def test_on_the_sample_requests_three_of_four_forms_are_right_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    forms.sample(model="models/tiny", today="2026-11-23")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["whole"] >= 0.75
