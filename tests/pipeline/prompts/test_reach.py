"""What an app, a workflow and a call say reaches the model; the journal shows what it was told."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Message, Sampling
from models.engines.prompted.prompted import Prompted
from models.engines.wrapper import Wrapper
from models.errors import PromptedFailure
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Said
from pipeline import App, Equipment, Example, Launch, Run, UsageError, load_app, read_requests, run_batch, workflow

JOB = Contract.from_json_schema(
    {
        "type": "object",
        "properties": {"pay": {"type": "string", "maxLength": 9, "description": "As written."}},
        "required": ["pay"],
        "additionalProperties": False,
    }
)


class Order(Contract):
    """What is ordered."""

    what: Said[str] | None = Field(None, description="Which thing?")
    note: Said[str] | None = None


class Mood(Contract):
    mood: int = Field(ge=1, le=5)


@workflow(intent="order", examples=["one lamp"], instructions="Of the workflow.")
async def order(run: Run) -> str:
    """Order something."""
    shown = [Example("a red chair, please", {"what": "red chair"}), Example("hello", {})]
    await run.collect(Order, instructions="Of the form.", examples=shown)
    await run.generate(Mood, run.text, instructions="Of the answer.", examples=[Example("Fine!", {"mood": 5})])
    await run.generate(JOB, "80-95k", examples=[Example("1k", {"pay": "1k"})])
    await run.choose(
        "Which?", {"a": "the first", "b": "b"}, instructions="Of the choice.", examples=[Example("x", "b")]
    )
    return "done"


@workflow(intent="amiss", examples=["one lamp"])
async def amiss(run: Run) -> str:
    """Order something with an example that nobody could follow."""
    await run.collect(Order, examples=[Example("a chair", {"what": "table"})])
    return "done"


@pytest_asyncio.fixture
async def engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    yield engine
    await engine.close()


class Desk:
    """Serves "one lamp", and reads what the model was told."""

    def __init__(self, tmp_path: Path, engine: EmbeddedEngine) -> None:
        self.out = tmp_path / "out"
        self.source = write_requests(tmp_path / "in.jsonl", {"r1": "one lamp"})
        self.engine = engine
        self.progress: list[str] = []

    async def serve(self, app: App) -> dict[str, Any]:
        await run_batch(
            app,
            read_requests(self.source),
            self.out,
            Equipment(self.engine),
            Launch(wait=0.02, trust=True),
            today=TODAY,
            progress=self.progress.append,
        )
        (row,) = lines(self.out / "results.jsonl")
        return row

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """Messages by step."""
        with closing(sqlite3.connect(self.out / "journal.sqlite")) as journal:
            rows = journal.execute("SELECT name, detail FROM steps ORDER BY started").fetchall()
        found = {name: json.loads(detail) for name, detail in rows}
        return {
            name: [(message["role"], message["content"]) for message in detail["messages"]]
            for name, detail in found.items()
            if "messages" in detail
        }


@pytest.fixture
def desk(tmp_path: Path, engine: EmbeddedEngine) -> Desk:
    return Desk(tmp_path, engine)


async def test_instructions_and_examples_of_every_place_reach_the_model(desk: Desk) -> None:
    row = await desk.serve(App("desk", [order], instructions="Of the app."))
    assert row["status"] == "completed"
    told = desk.told()
    (_, system), *turns = told["model Order"]
    assert system.startswith("Of the app.\n\nOf the workflow.\n\nOf the form.\n\n")
    assert "// What is ordered.\n" in system
    assert turns == [
        ("user", "Customer: a red chair, please"),
        ("assistant", '{"what": "red chair", "note": null}'),
        ("user", "Customer: hello"),
        ("assistant", '{"what": null, "note": null}'),
        ("user", "Customer: one lamp"),
    ]
    assert [text for _, text in told["model Mood"]][1:] == ["Fine!", '{"mood": 5}', "one lamp"]
    assert "Of the answer." in told["model Mood"][0][1]
    assert "Of the form." not in told["model Mood"][0][1]
    assert '"pay": string,  // As written. (at most 9 characters)' in told[f"model {JOB.__name__}"][0][1]
    assert told[f"model {JOB.__name__}"][-2:] == [("assistant", '{"pay": "1k"}'), ("user", "80-95k")]
    assert "Of the choice." in told["model Choice"][0][1]
    assert "- a: the first\n- b" in told["model Choice"][0][1]
    assert ("assistant", '{"choice": "b"}') in told["model Choice"]


async def test_an_example_that_the_form_does_not_admit_is_refused_by_name(desk: Desk) -> None:
    row = await desk.serve(App("desk", [amiss]))
    assert row["status"] == "failed"
    assert row["error"] == (
        'The example "a chair" has "table" for \'what\', which cannot be that: keep to its type and limits, and to'
        " words that stand in the example."
    )


class Job(Contract):
    what: Said[str]
    note: str = Field(max_length=9)
    size: Literal["large", "small"] = "small"
    paid: bool


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"what": "two chairs", "note": "", "paid": True}, "has \"two chairs\" for 'what', which cannot be that"),
        ({"what": "chair", "note": "too much of it", "paid": True}, "has \"too much of it\" for 'note'"),
        ({"what": "chair", "note": "é" * 9, "size": "huge", "paid": True}, "has \"huge\" for 'size'"),
        ({"what": "chair", "note": "a", "paid": 1}, "has 1 for 'paid'"),
        ({"what": "chair", "note": "a"}, "leaves out 'paid', which cannot be null."),
        ({"what": "chair", "note": "a", "paid": True, "cost": 1}, "fills 'cost', which Job does not have."),
    ],
)
def test_the_field_that_an_example_cannot_have_is_named(answer: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f'The example "a chair" {told}')):
        Example("a chair", answer).written(Job)


def test_a_field_that_an_example_leaves_out_has_its_default() -> None:
    shown = Example("a chair", {"what": "chair", "note": "", "paid": True}).written(Job)
    assert shown == '{"what": "chair", "note": "", "size": "small", "paid": true}'


async def test_a_copier_is_told_what_it_was_trained_on_and_people_what_it_was_not_told(desk: Desk) -> None:
    desk.engine.profile = replace(desk.engine.profile, layout="copier")
    await desk.serve(App("desk", [order], instructions="Of the app."))
    (_, system), asked = desk.told()["model Order"]
    assert system.endswith("null for what was not said.\nwhat: Which thing?\nnote: What is the note?")
    assert asked == ("user", "customer: one lamp")
    assert sum("do not reach it" in text for text in desk.progress) == 1


async def test_changed_words_are_another_folder(desk: Desk) -> None:
    await desk.serve(App("desk", [order], instructions="Of the app."))
    await desk.serve(App("desk", [order], instructions="Of the app."))
    with pytest.raises(UsageError, match="the prompts"):
        await desk.serve(App("desk", [order], instructions="Of another app."))


APP = """
from pipeline import App, Run, workflow

@workflow(intent="order", examples=["one lamp"])
async def order(run: Run) -> str:
    "Order something."
    return await run.choose("Which?", ["a", "b"])

app = App("desk", [order])
"""


async def test_a_folder_beside_the_app_takes_the_place_of_the_shipped_words(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "choose.system.txt").write_text("$instructions\nWÄHLE:\n$options")
    (tmp_path / "prompts" / "customer.txt").write_text("Kunde: $text")
    await desk.serve(load_app(str(tmp_path / "shop.py")))
    assert desk.told()["model Choice"] == [("system", "WÄHLE:\n- a\n- b"), ("user", "Kunde: one lamp\n\nWhich?")]
    (tmp_path / "prompts" / "choose.system.txt").write_text("$instruction")
    with pytest.raises(UsageError, match=r"choose.system.txt has the hole \$instruction, .* \$instructions is"):
        load_app(str(tmp_path / "shop.py"))


def test_a_python_package_of_that_name_is_no_folder_of_templates(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "__init__.py").write_text("")
    assert load_app(str(tmp_path / "shop.py")).prompts is None


async def test_what_an_engine_says_by_itself_is_the_users_too(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "xml.txt").write_text("IN XML: $form")
    (tmp_path / "prompts" / "xml_refused.txt").write_text("AGAIN <$tag>: $error")
    app = App("desk", [order], prompts=tmp_path / "prompts")
    asked: list[Sequence[Message]] = []

    class Listening(Wrapper):
        async def generate(
            self,
            messages: Sequence[Message],
            grammar: Grammar | None,
            sampling: Sampling,
            max_tokens: int | None = None,
        ) -> Completion:
            asked.append(messages)
            return await self.inner.generate(messages, grammar, sampling, max_tokens and min(max_tokens, 20))

    prompted = Prompted(Listening(desk.engine), wording=app.wording().engines)
    with pytest.raises(PromptedFailure):
        await prompted.generate(
            [Message("system", "Fill in."), Message("user", "x")], compile_grammar(Mood), Sampling()
        )
    assert asked[0][0].content.startswith("Fill in.\n\nIN XML: <")
    assert asked[1][-1].content.startswith("AGAIN <answer>: ")
