"""`interlock prompts` shows what a model is told, as it is told."""

from __future__ import annotations

import json
from pathlib import Path

from command import interlock

APP = '''
from typing import Literal

from pydantic import Field

from models import Contract, Said
from pipeline import App, Example, Run, workflow

CARRIERS = {"van": "for what is heavy", "bike": "for what is light"}
SHOWN = [Example("a red chair", {"what": "red chair"})]


class Order(Contract):
    """What is ordered."""
    what: Said[str] | None = Field(None, description="Which thing?")
    colour: Literal["red", "blue"] | None = None


class Mood(Contract):
    mood: int = Field(ge=1, le=5)


async def rate(run: Run, passages) -> Mood:
    return await run.generate(Mood, f"How is {run.text}?", passages)


@workflow(intent="order", examples=["one lamp"], instructions="Be brief.", form=Order)
async def order(run: Run) -> str:
    """Order something."""
    await run.collect(Order, examples=SHOWN, instructions="Things only.")
    await rate(run, await run.retrieve(run.text))
    kind = Order
    await run.collect(kind)
    return await run.choose("Which carrier?", CARRIERS)


@workflow(intent="return", examples=["take it back"], form=Order)
async def give_back(run: Run) -> str:
    """Return something."""
    return (await run.collect(Order)).what or ""


app = App("shop", [order, give_back], instructions="You sell lamps.")
'''


def test_every_prompt_is_shown_as_an_instruct_model_gets_it(tmp_path: Path, random_model: Path) -> None:
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    done = interlock("prompts", tmp_path / "shop.py", "--model", random_model)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["app"] == "shop"
    assert last["prompts"] == len(last["tokens"]) == 10
    assert min(last["tokens"].values()) > 50
    shown = done.stdout
    assert "<|im_start|>system\nYou sell lamps.\n\nBe brief.\n\nThings only.\n\n" in shown
    turns = (
        "<|im_start|>user\nCustomer: a red chair<|im_end|>\n"
        '<|im_start|>assistant\n{"what": "red chair", "colour": null}<|im_end|>\n'
        "<|im_start|>user\nCustomer: one lamp<|im_end|>\n<|im_start|>assistant\n"
    )
    assert turns in shown
    assert '"mood": integer,  // (1 to 5)' in shown
    assert "[1] ‹passages›" in shown
    assert "Question: How is one lamp?" in shown
    assert "order: collect ‹kind›: what it is, is known when a record is served" in shown
    assert "- van: for what is heavy\n- bike: for what is light" in shown
    fused = shown.split("the gate, with a form")[1].split("━━━")[0]
    assert fused.count('"what"') == 1  # that of the intent with instructions of its own is filled by itself
    assert "That was refused: ‹why it was refused›. Answer again" in shown


def test_a_copier_is_shown_with_what_it_was_trained_on(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    done = interlock("prompts", tmp_path / "shop.py", "--intent", "return")
    assert done.returncode == 0, done.stderr
    assert "layout 'copier'" in done.stderr
    assert "do not reach such a model" in done.stderr
    assert "You sell lamps." not in done.stdout
    assert "Write null for what was not said.\nwhat: Which thing?" in done.stdout
    assert "return: the gate: this model is not asked" in done.stdout
    assert "one lamp" not in done.stdout


QUOTING = """
from models import Contract, Quote
from pipeline import App, Run, workflow

class Answer(Contract):
    quote: Quote

class Ruling(Contract):
    quote: Quote
    allowed: bool

@workflow(intent="ask", examples=["pets?"])
async def ask(run: Run) -> Answer:
    "Answer a question."
    found = await run.retrieve(run.text)
    await run.generate(Ruling, run.text, evidence=found)
    return await run.generate(Answer, run.text, evidence=found)

app = App("desk", [ask])
"""


def test_what_a_model_is_never_asked_is_not_shown_as_a_prompt(tmp_path: Path, random_model: Path) -> None:
    (tmp_path / "desk.py").write_text(QUOTING, encoding="utf-8")
    (tmp_path / "smollm2").symlink_to(random_model)  # whose profile goes by its name
    copier = interlock("prompts", tmp_path / "desk.py")
    assert "ask: generate Ruling: a person takes over: this model is not trusted to decide 'allowed'" in copier.stdout
    weak = interlock("prompts", tmp_path / "desk.py", "--model", tmp_path / "smollm2")
    assert "what is in the customer's own words, choices and what is yes, no or null." in " ".join(weak.stderr.split())
    assert "[1] ‹the sentence of these that is nearest to the question›" in weak.stdout
    for done in (copier, weak):
        assert "ask: generate Answer: the encoder quotes the nearest sentence" in done.stdout
    assert "[1] ‹found›" in interlock("prompts", tmp_path / "desk.py", "--model", random_model).stdout


def test_an_intent_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP, encoding="utf-8")
    done = interlock("prompts", tmp_path / "shop.py", "--intent", "buy")
    assert done.returncode == 2
    assert "has no intent 'buy': it has order, return." in done.stderr


def test_templates_are_not_measured_with_a_model_that_does_not_read_them(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "customer.txt").write_text("Kunde: $text", encoding="utf-8")
    slot = {"name": "city", "description": "Where to?", "possible_values": []}
    (tmp_path / "schema_dev.json").write_text(json.dumps([{"service_name": "Trips", "slots": [slot]}]))
    turn = {"service": "Trips", "history": [], "user": "to Goa", "slots": {"city": "Goa"}}
    (tmp_path / "turns_dev.jsonl").write_text(json.dumps(turn) + "\n")
    options = ("--data", tmp_path / "turns_dev.jsonl", "--prompts", tmp_path / "prompts")
    done = interlock("evaluate", "fill", *options)
    assert done.returncode == 2
    assert "leave out --prompts" in done.stderr
