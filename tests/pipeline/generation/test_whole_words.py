"""A text that ended because there was no more room ends behind a whole word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests
from pydantic import Field

from models import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Completion
from pipeline import App, Equipment, Run, read_requests, run_batch, workflow
from pipeline.generation.whole_words import whole_words


class Line(Contract):
    about: str = Field(max_length=20, alias="what about")


class Report(Contract):
    summary: str = Field(max_length=24)
    code: str = Field(max_length=9, pattern=r"^[a-z ]*$")
    kind: str = Field(min_length=18, max_length=20)
    lines: list[Line]
    more: str | None = None


class Remark(Contract):
    text: str = Field(max_length=10)


@workflow(intent="remark", examples=["remark"])
async def remark(run: Run) -> Remark:
    """Remark on something."""
    return await run.generate(Remark, run.text)


def report(**given: object) -> Report:
    return Report(**{"summary": "short", "code": "ab", "kind": "x" * 18, "lines": [], **given})


def told(value: Report, closed: str = "", spaced: bool = True) -> tuple[dict[str, object], dict[str, str]]:
    separators = (", ", ": ") if spaced else (",", ":")
    written = json.dumps(value.model_dump(mode="json", by_alias=True), separators=separators, ensure_ascii=False)
    text, taken = whole_words(value, written, closed)
    Report.model_validate_json(text)
    return json.loads(text), dict(taken)


@pytest.mark.parametrize(
    ("full", "kept"),
    [
        ("My bag came 3 hours late", "My bag came 3 hours"),
        ("My bag came late, and to", "My bag came late, and"),
        ("My bag came late - becau", "My bag came late"),
        ('The "grand" hotel, my ro', 'The "grand" hotel, my'),
        ("Das Zürich \N{SNOWMAN}\tist öffentl", "Das Zürich \N{SNOWMAN}\tist"),
        ("My bag came late, and I.", "My bag came late, and I."),
        ("abcdefghijklmnopqrstuvwx", "abcdefghijklmnopqrstuvwx"),
        ("iPhone 的电池昨天晚上坏了请帮我换一个新的", "iPhone 的电池昨天晚上坏了请帮我换一个新的"),
        ("My bag came", "My bag came"),
    ],
)
def test_a_full_text_loses_what_may_be_the_beginning_of_a_word_and_nothing_else(full: str, kept: str) -> None:
    assert len(full) <= 24
    for spaced in (True, False):
        found, taken = told(report(summary=full, more=full), spaced=spaced)
        assert found["summary"] == kept
        assert found["more"] == full
        assert taken == ({} if kept == full else {"summary": full.removeprefix(kept)})


def test_texts_inside_lists_and_under_other_names_are_meant_too() -> None:
    lines = [{"what about": "a whole sentence."}, {"what about": "twenty letters of it"}]
    found, taken = told(report(lines=lines, summary="twenty letters of it"))
    assert found["lines"] == [lines[0], {"what about": "twenty letters of"}]
    assert found["summary"] == "twenty letters of it"
    assert taken == {"lines[1].what about": " it"}


def test_a_pattern_and_a_least_length_hold() -> None:
    value = report(code="ab cd efg", kind="eighteen at least x")
    assert told(value.model_copy(update={"kind": "seventeen letters it"}))[1] == {}
    assert told(value)[1] == {}


def test_the_text_that_was_being_written_when_no_room_was_left_counts_as_full() -> None:
    found, taken = told(report(more="It broke when I tried to reco"), closed="more")
    assert found["more"] == "It broke when I tried to"
    assert taken == {"more": " reco"}


async def test_a_run_says_what_was_full_and_no_result_ends_inside_a_word(random_model: Path, tmp_path: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    drawn = list[str]()
    generate = engine.generate

    async def cut(*given: Any, **named: Any) -> Completion:  # random weights write no words
        completion = await generate(*given, **named)
        drawn.append(completion.text)
        return replace(completion, text='{"text": "some words"}')

    engine.generate = cut  # type: ignore[method-assign]
    try:
        source = write_requests(tmp_path / "in.jsonl", {"one": "remark on this"})
        await run_batch(App("desk", [remark]), read_requests(source), tmp_path / "out", Equipment(engine), today=TODAY)
    finally:
        await engine.close()
    (row,) = lines(tmp_path / "out" / "results.jsonl")
    assert len(drawn) == 1
    assert row["result"]["text"] == "some"
    assert row["receipt"]["full"] == ["Remark.text"]
