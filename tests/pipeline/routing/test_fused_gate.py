"""Intent and form from one completion: kept where the choice stands, not used where it does not, never asked twice."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field
from scripted_server import Body, Reply, ScriptedServer, says

from index import Embedder
from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Engine
from models.engines.vllm.engine import VllmEngine
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits
from models.said import Said, Scratchpad
from pipeline import App, Equipment, Launch, Run, UsageError, read_requests, run_batch, workflow
from pipeline.batch.replay_record import rerun
from pipeline.runtime.folder import Folder

LAMPS = ["I want to buy a lamp", "two desk lamps please", "do you sell floor lamps? I take one", "order a light"]
RETURNS = ["I want to send my lamp back", "return my order", "the lamp I bought is wrong, take it back", "refund me"]
OFF = ["What is the weather like?", "Tell me a joke", "Who won the match?", "Book me a flight", "sing me a song"]
CLOSE = "the lamp I ordered"


class Order(Contract):
    thinking: Scratchpad
    what: Said[str] = Field(description="What do you want?")
    day: Said[date] | None = Field(None, description="On which day?")


class Return(Contract):
    what: Said[str] = Field(description="What do you return?")


@workflow(intent="buy", examples=LAMPS, form=Order)
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return f"bought {(await run.collect(Order)).what}"


@workflow(intent="give_back", examples=RETURNS, form=Return)
async def give_back(run: Run) -> str:
    """Return a lamp: we take back what was bought here."""
    return f"returned {(await run.collect(Return)).what}"


APP = App("lamps", [buy, give_back], out_of_scope_examples=OFF)
APART = replace(APP, workflows=[workflow(intent=one.intent, examples=one.examples)(one.body) for one in APP.workflows])
LETTERS = dict(zip("ABCD", ("ambiguous", "buy", "give_back", "out_of_scope"), strict=True))
FORMS = {
    "B": '{"thinking": "a lamp", "what": "the lamp", "day": null}',
    "C": '{"what": "lamp I ordered"}',
}
Script = Callable[[Body], Reply]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


def is_fused(body: Body) -> bool:
    return "go on at once" in body["messages"][0]["content"]


def likes(shares: Mapping[str, float], written: str | None = None) -> Script:
    """A server that gives letters these shares; it writes the likeliest one's form, or that of the letter `written`."""

    def reply(body: Body) -> Reply:
        if "logprobs" not in body:
            return says(FORMS["B" if "thinking" in body["structured_outputs"]["grammar"] else "C"])
        letters = shares
        asked = body["messages"][0]["content"]
        if not is_fused(body):  # both orders are asked for
            letters = {
                line[0]: shares[one] for line in asked.splitlines()[1:] for one in shares if LETTERS[one] in line
            }
        best = written or max(letters, key=lambda letter: letters[letter])
        answer = says(best + (FORMS.get(best, "") if is_fused(body) else ""))
        told = [{"token": letter, "logprob": math.log(share), "bytes": None} for letter, share in letters.items()]
        content = [{"token": best, "logprob": -0.1, "bytes": None, "top_logprobs": told}]
        choice = {**answer.body["choices"][0], "logprobs": {"content": content}}
        return Reply(200, {**answer.body, "choices": [choice]})

    return reply


class Shop:
    """Serves one close request, again and again, in one folder."""

    def __init__(self, folder: Path, embedder: Embedder, text: str = CLOSE) -> None:
        self.out = folder / "out"
        self.embedder = embedder
        self.source = write_requests(folder / "in.jsonl", {"r1": text})

    async def served(self, script: Script, app: App = APP, context: int = 4096) -> tuple[dict[str, Any], list[Body]]:
        """The record's line, and what the server was asked."""
        with ScriptedServer(script, context=context) as server:
            engine = await VllmEngine.open(server.url)
            try:
                row = await self.line(engine, app)
            finally:
                await engine.close()
            return row, server.requests

    async def line(self, engine: Engine, app: App = APP) -> dict[str, Any]:
        requests = read_requests(self.source)
        await run_batch(
            app,
            requests,
            self.out,
            Equipment(engine, embedder=self.embedder),
            Launch(trust=True),
            today=TODAY,
            accept_changes=True,
        )
        (row,) = lines(self.out / "results.jsonl")
        return row

    def steps(self) -> list[tuple[str, Any, dict[str, Any]]]:
        with closing(sqlite3.connect(self.out / "journal.sqlite")) as journal:
            rows = journal.execute("SELECT name, result, detail FROM steps ORDER BY started").fetchall()
        return [(name, json.loads(result), json.loads(detail)) for name, result, detail in rows]


@pytest.fixture
def shop(tmp_path: Path, embedder: Embedder) -> Shop:
    return Shop(tmp_path, embedder)


SURE = {"A": 0.01, "B": 0.97, "C": 0.01, "D": 0.01}


async def test_a_choice_that_stands_brings_its_form_along(shop: Shop) -> None:
    row, asked = await shop.served(likes(SURE))
    assert (row["status"], row["message"]) == ("completed", "bought the lamp")
    assert len(asked) == 1
    receipt = row["receipt"]
    assert receipt["gate"]["fused"] is True
    assert dict(receipt["gate"]["model"])["buy"] == pytest.approx(0.97)
    assert receipt["contracts"] == {
        "choice": "ambiguous, buy, give_back, out_of_scope",
        "Order": Order.contract_hash(),
    }
    assert receipt["attempts"] == 1
    _, (name, result, detail), *rest = shop.steps()
    assert (name, rest) == ("model choice", [])
    assert result["choice"] == "buy"
    assert result["shares"]["buy"] == pytest.approx(0.97)
    assert json.loads(result["text"]) == json.loads(FORMS["B"])
    assert detail["contract"] == "Order"
    assert '"thinking"' not in json.dumps(row)


@pytest.mark.parametrize(
    ("shares", "written", "status", "calls"),
    [
        ({"A": 0.01, "B": 0.01, "C": 0.97, "D": 0.01}, "B", "completed", 2),  # the shares decide, not what was drawn
        ({"A": 0.90, "B": 0.05, "C": 0.04, "D": 0.01}, None, "needs_input", 1),
        ({"A": 0.90, "B": 0.05, "C": 0.04, "D": 0.01}, "B", "needs_input", 1),
        ({"A": 0.01, "B": 0.01, "C": 0.01, "D": 0.97}, None, "completed", 1),
    ],
)
async def test_a_form_of_another_intent_is_not_used(
    shop: Shop, shares: dict[str, float], written: str | None, status: str, calls: int
) -> None:
    row, asked = await shop.served(likes(shares, written))
    assert (row["status"], len(asked)) == (status, calls)
    assert row["receipt"]["gate"]["fused"] is True
    if calls == 2:
        assert row["message"] == "returned lamp I ordered"
        assert set(row["receipt"]["contracts"]) == {"choice", "Order", "Return"}


async def test_a_broken_text_leaves_the_two_calls(shop: Shop) -> None:
    def breaks(body: Body) -> Reply:
        return says("B{}") if is_fused(body) else likes(SURE)(body)

    row, asked = await shop.served(breaks)
    assert row["message"] == "bought the lamp"
    assert [is_fused(body) for body in asked] == [True, False, False, False]
    assert row["receipt"]["gate"]["fused"] is False
    ((_, _, detail),) = [step for step in shop.steps() if step[0] == "model choice"]
    assert "not in the language" in detail["apart"]


async def test_without_room_for_every_form_the_choice_is_asked_for_alone(shop: Shop) -> None:
    row, asked = await shop.served(likes(SURE), context=620)
    assert row["message"] == "bought the lamp"
    assert not any(is_fused(body) for body in asked)
    assert row["receipt"]["gate"]["fused"] is False


async def test_a_scratchpad_is_shortened_before_the_form_is_given_up(shop: Shop) -> None:
    row, asked = await shop.served(likes(SURE), context=960)
    assert row["receipt"]["gate"]["fused"] is True
    assert row["receipt"]["shortened"] == {"Order": 20}
    assert len(asked) == 1


async def test_a_record_along_its_journal_asks_nobody(shop: Shop) -> None:
    row, _ = await shop.served(likes(SURE))
    await check_rerun(shop, row["message"])


async def test_a_journal_of_two_calls_is_read_although_a_form_is_declared_now(shop: Shop) -> None:
    row, asked = await shop.served(likes(SURE), APART)
    assert (row["message"], len(asked)) == ("bought the lamp", 3)
    assert row["receipt"]["gate"]["fused"] is False
    assert [name for name, *_ in shop.steps()] == ["route", "model choice", "model Order"]
    await check_rerun(shop, row["message"])


async def check_rerun(shop: Shop, message: str) -> None:
    """The record comes to the same end along its journal, and the model is not asked."""
    with ScriptedServer([]) as server:
        engine = await VllmEngine.open(server.url)
        try:
            _, now, new = await rerun(APP, Folder(shop.out), "r1", equipment=Equipment(engine, embedder=shop.embedder))
        finally:
            await engine.close()
        assert server.requests == []
    assert (now.status, now.ending.message, new) == ("completed", message, [])


@pytest_asyncio.fixture
async def random_engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    yield engine
    await engine.close()


async def test_whatever_a_model_writes_the_record_comes_to_an_end(shop: Shop, random_engine: EmbeddedEngine) -> None:
    row = await shop.line(random_engine)
    assert row["status"] in ("completed", "needs_input", "escalated")
    gate = row["receipt"]["gate"]
    assert gate["fused"] is True
    assert sum(share for _, share in gate["model"]) == pytest.approx(1, abs=1e-3)
    _, result, detail = shop.steps()[1]
    if result["text"] is not None:
        grammars = [compile_grammar(form.draft(), [CLOSE], spaced=True) for form in (Order, Return)]
        assert any(admits(grammar, result["text"]) for grammar in grammars)
    assert detail["calls"] == 1
    assert detail["messages"][0]["content"].count('  "what": ') == 2


def test_a_form_is_a_contract() -> None:
    with pytest.raises(UsageError, match="as its form"):
        workflow(intent="x", examples=["x"], form=str)(buy.body)  # type: ignore[type-var,arg-type]
