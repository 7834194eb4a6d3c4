"""The gate with the real encoder: clear requests pass, close calls are asked, the rest is turned away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests

from index import Embedder
from pipeline import App, Equipment, Journal, Router, Run, UsageError, read_requests, run_batch, workflow

LAMPS = ["I want to buy a lamp", "two desk lamps please", "do you sell floor lamps? I take one", "order a light"]
RETURNS = ["I want to send my lamp back", "return my order", "the lamp I bought is wrong, take it back"]
OFF = ["What is the weather like?", "Tell me a joke", "Who won the match?", "Book me a flight"]


@workflow(intent="buy", examples=LAMPS)
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return f"bought, said {len(run.conversation)}"


@workflow(intent="give_back", examples=RETURNS)
async def give_back(run: Run) -> str:
    """Return a lamp: we take back what was bought here."""
    return "returned"


APP = App("lamps", [buy, give_back], out_of_scope="Only lamps here.", out_of_scope_examples=OFF)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


@pytest.fixture(scope="module")
def router(embedder: Embedder) -> Router:
    return Router.of_examples(APP.workflows, embedder, OFF)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("please sell me a bedside lamp", "buy"),
        ("I'd like to return the lamp that I ordered last week", "give_back"),
        ("how tall is the Eiffel tower?", "out_of_scope"),
        ("ठीक है चलो", "out_of_scope"),
        ("", "out_of_scope"),
    ],
)
def test_clear_cases(router: Router, text: str, label: str) -> None:
    decision = router.decide(text)
    assert decision.label == label
    assert decision.by == "encoder"
    assert {name for name, _ in decision.candidates} == {"buy", "give_back", "out_of_scope"}
    assert sum(score for _, score in decision.candidates) == pytest.approx(1)


def test_the_same_text_gets_the_same_decision(router: Router, embedder: Embedder) -> None:
    assert router.decide("a lamp") == Router.of_examples(APP.workflows, embedder, OFF).decide("a lamp")


async def test_a_close_call_becomes_a_question_and_its_answer_chooses(embedder: Embedder, tmp_path: Path) -> None:
    texts = {"close": "the lamp I ordered", "off": "sing me a song", "buy": "please sell me a lamp"}
    source, out = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out"

    async def run() -> dict[str, dict[str, object]]:
        await run_batch(APP, read_requests(source), out, Equipment(embedder=embedder), today=TODAY)
        return {row["custom_id"]: row for row in lines(out / "results.jsonl")}

    rows = await run()
    assert (rows["off"]["status"], rows["off"]["intent"]) == ("completed", "out_of_scope")
    assert rows["off"]["message"] == "Only lamps here."
    assert rows["close"]["status"] == "needs_input"
    assert rows["close"]["intent"] is None
    question = rows["close"]["question"]
    assert isinstance(question, dict)
    assert sorted(question["choices"]) == ["buy a lamp", "return a lamp"]
    assert question["text"].startswith("Do you want to ")
    async with Journal.open(out / "journal.sqlite") as journal:
        await journal.answer("close", "buy a lamp")
    row = (await run())["close"]
    assert (row["status"], row["intent"], row["message"]) == ("completed", "buy", "bought, said 1")
    gate = row["receipt"]["gate"]  # type: ignore[index]
    assert (gate["kind"], gate["by"]) == ("intent", "customer")


async def test_several_workflows_need_an_encoder(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", {"a": "lamp"})
    with pytest.raises(UsageError, match="give an encoder"):
        await run_batch(APP, await asyncio.to_thread(read_requests, source), tmp_path / "out")
