"""Forms and answers with a real engine at its worst: random weights, so that only the code keeps order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from index import Embedder, Passage, Retriever, build_index
from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.errors import EngineUnavailable
from models.said import Quote, Said, Scratchpad
from pipeline import (
    App,
    Equipment,
    Escalation,
    Journal,
    Launch,
    Run,
    Summary,
    guardrail,
    read_requests,
    run_batch,
    workflow,
)


class Order(Contract):
    thinking: Scratchpad
    what: Said[str] = Field(description="What do you want?")
    day: Said[date] = Field(description="On which day?")


class Answer(Contract):
    thinking: Scratchpad
    quote: Quote = Field(description="The sentence that answers the question.")


class Ruling(Contract):
    thinking: Scratchpad
    allowed: bool


@guardrail(field="day")
def not_over(day: date, today: date) -> bool:
    """That day is over."""
    return day >= today


@guardrail
def never(answer: Answer) -> bool:
    """This is never good enough."""
    return False


@guardrail(field="day")
def is_weekday(day: date) -> bool:
    """We deliver from Monday to Friday."""
    return day.weekday() < 5


@workflow(intent="order", examples=["order a lamp"])
async def order(run: Run) -> Order:
    """Order something."""
    form = await run.collect(Order, guardrails=[not_over])
    await run.require(is_weekday, form.day)
    return form


@workflow(intent="ask", examples=["a question"])
async def ask(run: Run) -> Answer:
    """Ask something."""
    return await run.generate(Answer, run.text, await run.retrieve(run.text))


@workflow(intent="refuse", examples=["a question"])
async def refuse(run: Run) -> Answer:
    """Ask something that is never answered well enough."""
    passage = Passage("p#0", "p", "", "Dogs are welcome. Cats are not.", 0, 31)
    return await run.generate(Answer, run.text, [passage], guardrails=[never])


@workflow(intent="rule", examples=["a question"])
async def rule(run: Run) -> Ruling | Escalation:
    """Rule on something."""
    return await run.generate(Ruling, run.text)


@workflow(intent="pick", examples=["a question"])
async def pick(run: Run) -> str:
    """Pick something."""
    return await run.choose("Which colour?", {"r": "the red one", "b": "the blue one"})


@pytest_asyncio.fixture(loop_scope="function")
async def engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    yield engine
    await engine.close()


@pytest.fixture
def copier(engine: EmbeddedEngine) -> EmbeddedEngine:
    """The same engine as its profile would be for the shipped model: it copies, it does not decide."""
    engine.profile = replace(engine.profile, decides=False, spaced=False, layout="copier")
    return engine


class Desk:
    """Runs one workflow over one text, again and again."""

    def __init__(self, tmp_path: Path, body: Any, text: str, trust: bool | None = None, **equipment: Any) -> None:
        self.launch = Launch(wait=0.02, trust=trust)
        self.app = App("desk", [body])
        self.out = tmp_path / "out"
        self.source = write_requests(tmp_path / "in.jsonl", {"r1": text})
        self.equipment = Equipment(**equipment)
        self.told: list[str] = []

    async def run(self) -> dict[str, Any]:
        await self.batch()
        (row,) = lines(self.out / "results.jsonl")
        return row

    async def batch(self) -> Summary:
        return await run_batch(
            self.app,
            read_requests(self.source),
            self.out,
            self.equipment,
            self.launch,
            today=TODAY,
            progress=self.told.append,
        )

    async def answer(self, text: str) -> dict[str, Any]:
        async with Journal.open(self.out / "journal.sqlite") as journal:
            await journal.answer("r1", text)
        return await self.run()


async def test_the_same_field_is_asked_for_twice_at_most(copier: EmbeddedEngine, tmp_path: Path) -> None:
    desk = Desk(tmp_path, order, "lamp", engine=copier)
    row = await desk.run()
    asked = []
    while row["status"] == "needs_input":
        asked.append(row["question"]["field"])
        row = await desk.answer("lamp" if asked[-1] == "what" else "some day or other")
    assert row["status"] == "escalated"
    assert asked.count("day") == 2
    assert row["escalation"]["reason"] == "Asked 2 times for 'day' without a usable answer."


async def test_a_rule_about_a_field_is_mended_by_an_answer(copier: EmbeddedEngine, tmp_path: Path) -> None:
    desk = Desk(tmp_path, order, "lamp", engine=copier)  # one word: all that `what` can be
    row = await desk.run()
    while row["status"] == "needs_input" and row["question"]["field"] == "what":
        row = await desk.answer("lamp")
    assert row["question"]["field"] == "day"
    row = await desk.answer("28 November 2026")
    assert row["question"]["text"] == "We deliver from Monday to Friday. On which day?"
    row = await desk.answer("30 November 2026")
    assert row["status"] == "completed"
    assert row["result"] == {"what": "lamp", "day": "2026-11-30"}
    assert row["contract"] == "Order"


async def test_the_scratchpad_stays_in_the_journal(copier: EmbeddedEngine, tmp_path: Path) -> None:
    desk = Desk(tmp_path, order, "lamp", engine=copier)
    row = await desk.run()
    async with Journal.open(desk.out / "journal.sqlite") as journal:
        texts = [json.loads(step.result or "{}")["text"] for step in journal.steps("r1") if "model" in step.name]
        shown = json.dumps([row, journal.events("r1")])
    scratchpads = [json.loads(text)["thinking"] for text in texts]
    assert any(scratchpads)
    assert not any(json.dumps(pad)[1:-1] in shown for pad in scratchpads if len(pad) > 3)
    assert "thinking" not in shown


@pytest.mark.parametrize("decides", [False, True])
async def test_an_answer_quotes_the_sentence_that_the_encoder_chose(
    decides: bool, copier: EmbeddedEngine, tmp_path: Path
) -> None:
    copier.profile = replace(copier.profile, decides=decides, quotes=False)
    (tmp_path / "terms.md").write_text(
        "# Pets\n\nDogs travel free. Cats pay ten euros.\n\n# Bags\n\nOne bag is free.\n"
    )
    embedder = Embedder(threads=1)
    with build_index([tmp_path / "terms.md"], tmp_path / "index", embedder) as index:
        retriever = Retriever(index, embedder)
        row = await Desk(tmp_path, ask, "What does my cat cost?", engine=copier, retriever=retriever).run()
    assert row["result"] == {"quote": "Cats pay ten euros."}
    receipt = row["receipt"]
    assert receipt["attempts"] == 1
    assert receipt["tokens"]["completion"] > 0
    assert list(receipt["contracts"]) == ["Answer"]
    assert receipt["evidence"]
    assert receipt["evidence"][0].startswith("terms.md#")
    assert receipt["index"]


async def test_a_rule_that_never_holds_climbs_the_ladder_to_a_person(engine: EmbeddedEngine, tmp_path: Path) -> None:
    row = await Desk(tmp_path, refuse, "May I bring my dog?", engine=engine).run()
    assert row["status"] == "escalated"
    assert row["escalation"]["reason"].endswith("This is never good enough.")
    assert row["receipt"]["attempts"] == 4
    assert row["receipt"]["recovered"] == ["resample", "repair", "other_format"]
    assert (row["receipt"]["enforcement"], row["receipt"]["canary"]) == ("grammar", "not run")


async def test_a_model_that_does_not_decide_is_not_asked_to(copier: EmbeddedEngine, tmp_path: Path) -> None:
    row = await Desk(tmp_path, rule, "May I?", engine=copier).run()
    assert row["escalation"]["reason"] == "This model is not trusted to decide 'allowed' of Ruling."
    assert row["receipt"]["attempts"] == 0


async def test_a_model_that_is_trusted_chooses_among_the_options(engine: EmbeddedEngine, tmp_path: Path) -> None:
    row = await Desk(tmp_path, pick, "the red one", trust=True, engine=engine).run()
    assert row["status"] == "completed"
    assert row["message"] in ("r", "b")


async def test_otherwise_the_customer_chooses(engine: EmbeddedEngine, tmp_path: Path) -> None:
    desk = Desk(tmp_path, pick, "a car", engine=engine)
    assert (await desk.run())["question"]["choices"] == ["the red one", "the blue one"]
    assert (await desk.answer("The blue one"))["message"] == "b"


async def test_a_text_too_long_for_the_model_goes_to_a_person(copier: EmbeddedEngine, tmp_path: Path) -> None:
    row = await Desk(tmp_path, order, "lamp " * 3000, engine=copier).run()
    assert row["status"] == "escalated"
    assert row["escalation"]["reason"].startswith("The conversation is too long for the model: ")


async def test_an_absent_engine_stops_the_run_and_loses_nothing(
    random_model: Path, copier: EmbeddedEngine, tmp_path: Path
) -> None:
    gone = await EmbeddedEngine.open(random_model, str(random_model))
    gone.profile = copier.profile
    await gone.close()
    desk = Desk(tmp_path, order, "lamp", engine=gone)
    with pytest.raises(EngineUnavailable):
        await desk.batch()
    assert len(desk.told) == 1
    assert lines(desk.out / "results.jsonl") == []
    desk.equipment = Equipment(copier)
    assert (await desk.run())["status"] == "needs_input"


@workflow(intent="rule", examples=["may I"])
async def rule_on_all(run: Run) -> Ruling:
    """Rule on a long story."""
    return await run.generate(Ruling, run.text)


async def test_a_scratchpad_is_shortened_where_the_prompt_leaves_no_room_and_the_receipt_says_so(
    engine: EmbeddedEngine, tmp_path: Path
) -> None:
    from models.grammar.grammar import compile_grammar
    from pipeline.prompts.prompts import Prompts

    def tokens(text: str) -> int:
        return len(engine._encode(Prompts().laid_out(engine.profile).answer(Ruling, text, []), engine.profile.template))

    full, short = (compile_grammar(Ruling, scratchpad=length).max_tokens for length in (None, 20))
    room = engine.profile.context
    story = "a"
    while tokens(story) <= room - full:
        story += " and so on"
    assert tokens(story) <= room - short
    row = await Desk(tmp_path, rule_on_all, story, engine=engine).run()
    assert row["status"] == "completed"
    assert row["receipt"]["shortened"] == {"Ruling": 20}
    assert row["receipt"]["finish_reasons"] == ["stop"]


async def test_a_scratchpad_that_fits_is_not_shortened(engine: EmbeddedEngine, tmp_path: Path) -> None:
    row = await Desk(tmp_path, rule_on_all, "May I?", engine=engine).run()
    assert row["receipt"]["shortened"] == {}
