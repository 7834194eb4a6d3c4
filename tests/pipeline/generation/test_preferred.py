"""A model with favourites among a field's choices has them reckoned with, at the first try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from index.documents import Passage
from models import Contract, Scratchpad
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Message, Sampling
from models.engines.preferences import NEUTRAL
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar
from pipeline import App, Equipment, Run, guardrail, read_requests, run_batch, workflow


class Order(Contract):
    kind: Literal["lamp", "chair", "stool"] = Field(description="What it is.")
    note: str = Field(max_length=8)


class Parcel(Contract):
    gift: bool | None
    note: str = Field(max_length=8)


class Thought(Contract):
    thinking: Scratchpad
    kind: Literal["lamp", "chair"]
    gift: bool | None


@guardrail(field="note")
def never(order: Order) -> bool:
    """The note has to be another one."""
    return False


@workflow(intent="order", examples=["an order"])
async def order(run: Run) -> Order:
    """Take an order."""
    return await run.generate(Order, run.text)


@workflow(intent="refused", examples=["refused"])
async def refused(run: Run) -> Order:
    """Take an order that nothing is right about."""
    return await run.generate(Order, run.text, guardrails=[never])


@workflow(intent="thought", examples=["a thought"])
async def thought(run: Run) -> Thought:
    """Take an order after thinking."""
    return await run.generate(Thought, run.text)


@workflow(intent="parcel", examples=["a parcel"])
async def parcel(run: Run) -> Parcel:
    """Take a parcel."""
    return await run.generate(Parcel, run.text)


@workflow(intent="read", examples=["a letter"])
async def read(run: Run) -> Order:
    """Take an order that somebody wrote."""
    return await run.generate(Order, run.text, evidence=[Passage("a#0", "a", "", run.text, 0, len(run.text))])


@workflow(intent="worded", examples=["in words"])
async def asked_in_words(run: Run) -> Order:
    """Take an order, asked for in words."""
    return await run.generate(Order, f"What is wanted here? {run.text}")


@workflow(intent="sorted", examples=["a parcel to sort"])
async def sorted_out(run: Run) -> Order:
    """Sort what lies here."""
    return await run.generate(Order, "What is it?", evidence=[Passage("a#0", "a", "", "A fixed text.", 0, 13)])


class Biased(Wrapper):
    """A model that is said to have favourites; what it was asked is kept."""

    def __init__(self, inner: EmbeddedEngine, biased: bool = True) -> None:
        super().__init__(inner)
        self.biased, self.asked = biased, list[tuple[str, str]]()

    @property
    def profile(self) -> Any:
        return replace(self.inner.profile, calibrates=self.biased, likelihood=0.2)

    async def generate(
        self, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        self.asked.append((messages[-1].content, grammar.lark if grammar else ""))
        return await self.inner.generate(messages, grammar, sampling, max_tokens)


async def served(
    model: Path, folder: Path, app: Any, texts: Sequence[str], biased: bool = True
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    engine = Biased(await EmbeddedEngine.open(model, str(model)), biased)
    try:
        source = write_requests(folder / "in.jsonl", {str(number): text for number, text in enumerate(texts)})
        await run_batch(App("shop", [app]), read_requests(source), folder / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    return lines(folder / "out" / "results.jsonl"), engine.asked


@pytest.mark.parametrize(
    ("app", "matter"), [(order, "{}"), (asked_in_words, "{}"), (read, "{0}\n{0}"), (sorted_out, "A fixed text.")]
)
async def test_its_favourites_are_asked_for_once_and_what_was_said_is_weighed_behind_each_choice(
    random_model: Path, tmp_path: Path, app: Any, matter: str
) -> None:
    texts, kinds = ["an order of a lamp", "an order of a stool"], ("lamp", "chair", "stool")
    rows, asked = await served(random_model, tmp_path, app, texts)
    assert [row["status"] for row in rows] == ["completed"] * 2
    assert len(asked) == len(NEUTRAL) + 2 * (2 + len(kinds))
    neutral = [text for text, lark in asked if any(sentence in text for sentence in NEUTRAL)]
    assert len(neutral) == len(set(neutral)) == len(NEUTRAL)
    behind = [text for text, _ in asked if text.startswith("What it is: ")]
    assert sorted(behind) == sorted(f"What it is: {kind}\n{matter.format(text)}" for text in texts for kind in kinds)
    written = [lark for _, lark in asked if "note" in lark]
    assert len(written) == 2
    for lark, row in zip(written, rows, strict=True):  # the form admits what was chosen, and nothing else
        kinds = [kind for kind in ("lamp", "chair", "stool") if kind in lark]
        assert kinds == [row["result"]["kind"]]


async def test_a_yes_or_no_that_it_is_not_sure_of_is_null_and_the_receipt_says_so(
    random_model: Path, tmp_path: Path
) -> None:
    ((row,), asked) = await served(random_model, tmp_path, parcel, ["a parcel"])
    assert row["status"] == "completed"
    assert row["result"]["gift"] is None
    assert row["receipt"]["unsaid"] == ["Parcel.gift"]
    first, second = (lark for _, lark in asked)
    assert "true" in first
    assert "true" not in second
    (tmp_path / "plain").mkdir()
    ((row,), asked) = await served(random_model, tmp_path / "plain", parcel, ["a parcel"], biased=False)
    assert len(asked) == 1
    assert not row["receipt"].get("unsaid")


async def test_what_was_refused_is_open_again(random_model: Path, tmp_path: Path) -> None:
    ((row,), asked) = await served(random_model, tmp_path, refused, ["refused"])
    assert row["status"] != "completed"
    first, *others = [lark for _, lark in asked if "note" in lark]
    assert sum(kind in first for kind in ("lamp", "chair", "stool")) == 1
    assert others
    assert all(kind in lark for lark in others for kind in ("lamp", "chair", "stool"))


async def test_neither_a_model_that_thinks_first_nor_one_without_favourites_is_asked(
    random_model: Path, tmp_path: Path
) -> None:
    for name, app, biased in (("thought", thought, True), ("plain", order, False)):
        (tmp_path / name).mkdir()
        _, asked = await served(random_model, tmp_path / name, app, ["an order"], biased)
        assert len(asked) == 1
