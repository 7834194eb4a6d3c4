"""Receipts show how texts were drawn: what their grammars left the model, and which ended because they were full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
import torch
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from models import Contract, Scratchpad
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Message, Sampling, Usage
from models.engines.sampler import Sampler
from models.grammar.grammar import compile_grammar
from pipeline import App, Equipment, Run, read_requests, run_batch, workflow
from pipeline.generation.decoding import decoding, full
from scripts.inspect import suspicion


class Part(Contract):
    name: str = Field(max_length=5)


class Note(Contract):
    thinking: Scratchpad
    summary: str = Field(max_length=12)
    kind: Literal["a", "b"]
    parts: list[Part] = Field(max_length=2)
    more: str | None


class Remark(Contract):
    text: str = Field(min_length=4, max_length=4)


@workflow(intent="note", examples=["note"])
async def note(run: Run) -> Remark:
    """Take a note."""
    return await run.generate(Remark, run.text)


def test_texts_that_are_full_are_named_and_nothing_else() -> None:
    value = Note(
        thinking="x" * 80,
        summary="twelve chars",
        kind="a",
        parts=[Part(name="four"), Part(name="fives")],
        more="y" * 256,
    )
    assert full(value) == ["summary", "parts.name", "more"]
    assert full(value.model_copy(update={"summary": "short", "parts": [], "more": None})) == []


async def test_the_mass_is_what_the_model_itself_gave_to_what_its_grammar_left(random_model: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    ask = [Message("user", "yes or no?")]

    class Answer(Contract):
        answer: Literal["yes", "no"]

    try:
        found = await engine.generate(ask, compile_grammar(Answer), Sampling())
        free = await engine.generate(ask, None, Sampling(), 3)
        fixed = await engine.generate(ask, compile_grammar(Remark.draft()), Sampling())
    finally:
        await engine.close()
    matcher = engine._matchers.start(compile_grammar(Answer))
    forced = matcher.compute_ff_tokens()
    matcher.consume_tokens(forced)
    with torch.no_grad():
        logits = engine._model.model(torch.tensor([engine._encode(ask, {}) + forced])).logits[0, -1].float()
    left = logits.masked_fill(~Sampler._allowed(matcher, logits), float("-inf"))
    assert found.mass is not None
    assert found.mass <= float(left.logsumexp(-1).sub(logits.logsumexp(-1)).exp()) * 1.001 < 1
    assert found.tight.startswith('{"answer":')
    assert found.own_seconds is not None
    assert 0 < found.own_seconds <= found.seconds
    assert (free.mass, free.tight) == (None, "")
    assert fixed.mass is not None


def test_of_several_calls_the_least_counts_and_engines_that_tell_nothing_add_nothing() -> None:
    calls = [Completion("", "stop", Usage(1, 1), 2.0, mass=mass, tight=at) for mass, at in ((0.5, "a"), (0.1, "b"))]
    assert decoding(calls) == {"mass": 0.1, "tight": "b"}
    assert decoding([Completion("", "stop", Usage(1, 1), 2.0)]) == {}


async def test_the_receipt_has_it_and_inspect_tells_it_in_words(random_model: Path, tmp_path: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    try:
        source = write_requests(tmp_path / "in.jsonl", {"one": "note this"})
        await run_batch(App("desk", [note]), read_requests(source), tmp_path / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    (row,) = lines(tmp_path / "out" / "results.jsonl")
    receipt = row["receipt"]
    assert row["status"] == "completed"
    assert 0 < receipt["mass"] < 1
    assert receipt["full"] == ["Remark.text"]
    assert 0 < receipt["own_seconds"] <= receipt["seconds"]
    assert suspicion(receipt).endswith("as long as it may be: Remark.text")
    assert suspicion({**receipt, "mass": 0.0009, "full": []}) == "a grammar left the model 0.09 % somewhere"
    assert suspicion({"seconds": 1}) == ""
    assert "tight" not in json.dumps(row)


@pytest.mark.parametrize("told", [{}, {"mass": 0.5}])
def test_what_is_not_suspicious_is_not_called_so(told: dict[str, float]) -> None:
    assert suspicion(told) == ""
