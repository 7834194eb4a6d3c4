"""A model that fills in what nobody said is asked field by field first, and what it is not sure of stays empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pipeline_world import TODAY, lines, write_requests

from models import Contract, Said, Scratchpad
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Decoding, Message, Sampling, Usage
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar
from models.grammar.membership import admits
from pipeline import App, Equipment, Run, read_requests, run_batch, workflow


class Order(Contract):
    thinking: Scratchpad
    number: Said[str] | None = None
    kind: Literal["lamp", "chair"] | None = None
    wish: Said[str] | None = None


@workflow(intent="order", examples=["an order"])
async def order(run: Run) -> Order:
    """Take an order."""
    return await run.collect(Order)


class Sure(Wrapper):
    """A model that has to be this sure; what it was asked is kept."""

    def __init__(self, inner: EmbeddedEngine, sure: float) -> None:
        super().__init__(inner)
        self.sure, self.asked = sure, list[Grammar | None]()

    @property
    def profile(self) -> Any:
        return replace(self.inner.profile, sure=self.sure)

    async def generate(
        self, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        self.asked.append(grammar)
        return await self.inner.generate(messages, grammar, sampling, max_tokens)


async def served(random_model: Path, folder: Path, sure: float) -> tuple[dict[str, Any], list[Grammar | None]]:
    engine = Sure(await EmbeddedEngine.open(random_model, str(random_model)), sure)
    try:
        source = write_requests(folder / "in.jsonl", {"one": "an order of two lamps"})
        await run_batch(App("shop", [order]), read_requests(source), folder / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    (row,) = lines(folder / "out" / "results.jsonl")
    return row, engine.asked


async def test_only_what_a_model_is_sure_of_is_written_and_the_receipt_tells_the_rest(
    random_model: Path, tmp_path: Path
) -> None:
    for name in ("unsure", "trusting"):
        (tmp_path / name).mkdir()
    unsure, asked = await served(random_model, tmp_path / "unsure", 1.0)
    assert unsure["status"] == "completed", unsure["error"]
    assert (unsure["result"]["number"], unsure["result"]["wish"]) == (None, None)
    assert "kind" in unsure["result"]
    assert unsure["receipt"]["unsaid"] == ["Order.number", "Order.wish"]
    assert unsure["receipt"]["attempts"] == 1
    first, second, form = asked
    assert first is not None
    assert second is not None
    assert form is not None
    assert '"\\"number\\""' in first.lark
    assert '"\\"wish\\""' in second.lark
    assert "SAID" not in form.lark
    trusting, asked = await served(random_model, tmp_path / "trusting", 0.0)
    assert "unsaid" not in trusting["receipt"]
    assert len(asked) == 1


class Claim(Contract):
    day: Said[date] | None = None
    about: Said[str] | None = None


@workflow(intent="claim", examples=["a claim"])
async def claim(run: Run) -> Claim:
    """Take a claim."""
    return await run.collect(Claim)


class Eager(Sure):
    """A model that begins every text with the first word that was said, and takes the rest for a day."""

    async def generate(
        self, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        if grammar is not None and isinstance(sampling, Decoding):
            self.asked.append(grammar)
            key = grammar.lark.split('\\"')[1]
            return Completion(f'{{"{key}": "your', "stop", Usage(1, 1), 0.1)
        copied = '{"day": "crew was rude", "about": "your"}'
        if grammar is not None and admits(grammar, copied):
            return Completion(copied, "stop", Usage(1, 1), 0.1)
        return await super().generate(messages, grammar, sampling, max_tokens)


async def test_words_that_cannot_be_read_of_a_value_nobody_needs_are_left_out_and_told(
    random_model: Path, tmp_path: Path
) -> None:
    engine = Eager(await EmbeddedEngine.open(random_model, str(random_model)), 0.5)
    try:
        source = write_requests(tmp_path / "in.jsonl", {"one": "your crew was rude"})
        await run_batch(App("shop", [claim]), read_requests(source), tmp_path / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    (row,) = lines(tmp_path / "out" / "results.jsonl")
    assert row["status"] == "completed", row["question"]
    assert row["result"]["day"] is None
    assert row["result"]["about"] == "your"
    assert row["receipt"]["unread"] == {"Claim.day": "crew was rude"}
