"""What a model copies wrongly for a class that cannot read it is not asked about where one value of it was said."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from models import Contract, Said
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion, Message, Sampling, Usage
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar
from models.grammar.membership import admits
from pipeline import App, Equipment, Journal, Run, read_requests, run_batch, workflow
from pipeline.batch.answers import apply
from pipeline.forms import extraction


class Release(str):
    """A release, such as 4.2."""

    @classmethod
    def read(cls, text: str, today: date) -> Release | None:
        found = re.search(r"\b\d+\.\d+\b", text)
        return cls(found[0]) if found else None


class Address(str):
    @classmethod
    def read(cls, text: str, today: date) -> Address | None:
        found = re.search(r"\S+@\S+\.example\b", text)
        return cls(found[0]) if found else None


class Bug(Contract):
    release: Said[Release] = Field(description="Which release?")
    mail: Said[Address] | None = None


@workflow(intent="bug", examples=["a bug"])
async def report(run: Run) -> Bug:
    """Report a bug."""
    return await run.collect(Bug)


class Clumsy(Wrapper):
    """A model that copies these words into the form."""

    def __init__(self, inner: EmbeddedEngine, copied: dict[str, str | None]) -> None:
        super().__init__(inner)
        self.copied = copied

    async def generate(
        self, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        text = json.dumps(self.copied)
        assert grammar is not None
        assert admits(grammar, text)
        return Completion(text, "stop", Usage(1, 1), 0.1)


@pytest.mark.parametrize(
    ("text", "copied", "result", "asked"),
    [
        (
            "Release 4.2 crashes, ann@shop.example",
            {"release": "Release", "mail": "crashes"},
            {"release": "4.2", "mail": "ann@shop.example"},
            None,
        ),
        (
            "It crashes in 4.2, ann@shop.example",
            {"release": "ann@shop.example", "mail": "ann@shop"},
            {"release": "4.2", "mail": "ann@shop.example"},
            None,
        ),
        ("Release 42, once 4.1", {"release": "42", "mail": None}, None, 'I could not read "42" as a release.'),
        ("Release 4.1 or 4.2", {"release": "Release", "mail": None}, None, 'I could not read "Release" as a release.'),
    ],
)
async def test_the_one_value_that_was_said_is_taken(
    random_model: Path,
    tmp_path: Path,
    text: str,
    copied: dict[str, str | None],
    result: dict[str, str] | None,
    asked: str | None,
) -> None:
    engine = Clumsy(await EmbeddedEngine.open(random_model, str(random_model)), copied)
    try:
        source = write_requests(tmp_path / "in.jsonl", {"one": text})
        await run_batch(App("shop", [report]), read_requests(source), tmp_path / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    (row,) = lines(tmp_path / "out" / "results.jsonl")
    if asked is None:
        assert row["result"] == result, row["question"]
    else:
        assert row["question"]["text"].startswith(asked)


async def test_a_record_that_was_asked_by_an_earlier_version_goes_on_with_its_answer(
    random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Clumsy(await EmbeddedEngine.open(random_model, str(random_model)), {"release": "Release", "mail": None})
    app, out, equipment = App("shop", [report]), tmp_path / "out", Equipment(engine)
    source = write_requests(tmp_path / "in.jsonl", {"one": "Release 4.2 crashes"})
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"custom_id": "one", "answer": "4.1"}\n')
    try:
        with monkeypatch.context() as earlier:
            earlier.setattr(extraction, "mistaken", lambda *given: False)
            await run_batch(app, read_requests(source), out, equipment, today=TODAY)
        assert lines(out / "results.jsonl")[0]["status"] == "needs_input"
        async with Journal.open(out / "journal.sqlite") as journal:
            await apply(lambda id: journal, answers, app)
        await run_batch(app, None, out, equipment)
    finally:
        await engine.close()
    (row,) = lines(out / "results.jsonl")
    assert (row["status"], row["result"]["release"]) == ("completed", "4.1")
