"""`run.retrieve` in a workflow: what it finds, what the journal keeps of it, and queries in their context."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pipeline_world import TODAY

from index import Embedder, Retriever, build_index
from index.retrieval.fusion import Floor
from models.contract import Contract
from models.said import Said
from pipeline import Journal, Run, Turn
from pipeline.durable.execution import Execution
from pipeline.errors import StepFailed
from pipeline.outcome import Escalation
from pipeline.run.scope import RunContext

RULES = {
    "trains.md": "---\nlang: en\nyear: 2024\n---\n# Trains\n\nDogs travel free on trains.\n",
    "flights.md": "---\nlang: en\nyear: 2020\n---\n# Flights\n\nDogs fly in the hold.\n",
    "zuege.md": "---\nlang: de\nyear: 2025\n---\n# Züge\n\nHunde fahren frei.\n",
}


class Stay(Contract):
    """Words to search with, and others."""

    hotel: Said[str]
    kind: Literal["single", "double"]
    nights: Said[int]


class Desk:
    """Runs over one record, each with what the journal holds by then."""

    def __init__(self, journal: Journal, folder: Path, retriever: Retriever) -> None:
        self.journal, self._folder, self._retriever = journal, folder, retriever

    def run(self, text: str = "dogs") -> Run:
        past = self.journal.past("r1")
        if past is None:
            self.journal.begin("r1", "[]", TODAY)
        replay = Execution("r1", self.journal, TODAY, self._folder, past, lambda event: None)
        return Run.begin(RunContext(replay, retriever=self._retriever), [Turn("customer", text)])

    def detail(self) -> dict[str, object]:
        return self.journal.steps("r1")[-1].detail


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    folder = tmp_path_factory.mktemp("rules")
    for name, text in RULES.items():
        (folder / name).write_text(text)
    embedder = Embedder(threads=1)
    with build_index([folder], tmp_path_factory.mktemp("built") / "index", embedder) as index:
        yield Retriever(index, embedder)


@pytest.fixture
def desk(journal: Journal, tmp_path: Path, retriever: Retriever) -> Desk:
    return Desk(journal, tmp_path, retriever)


async def test_the_journal_keeps_the_version_and_the_passages(desk: Desk) -> None:
    passages = await desk.run().retrieve("dogs on trains", 2)
    assert passages[0].text == "Dogs travel free on trains."
    assert desk.detail() == {"index": 1, "passages": [passage.id for passage in passages]}
    assert await desk.run().retrieve("dogs on trains", 2) == passages
    assert len(desk.journal.steps("r1")) == 1


async def test_a_condition_and_a_least_similarity_are_kept_and_hold(desk: Desk) -> None:
    passages = await desk.run().retrieve("dogs", where='lang = "en" and year >= 2024', least=0.2)
    assert [passage.heading for passage in passages] == ["Trains"]
    assert desk.detail()["where"] == 'lang = "en" and year >= 2024'
    assert desk.detail()["least"] == 0.2


async def test_a_workflow_can_branch_on_nothing_found(desk: Desk) -> None:
    assert await desk.run().retrieve("How do I bake bread?", least=0.6) == []
    assert desk.detail()["nothing"] == "no passage is similar enough"


async def test_a_condition_that_cannot_be_read_fails_the_step(desk: Desk) -> None:
    with pytest.raises(StepFailed, match="The condition cannot be read"):
        await desk.run().retrieve("dogs", where="lang = en")


async def test_a_query_in_context_holds_the_words_that_were_collected(desk: Desk) -> None:
    run = desk.run()
    run._scope.collected.collect(Stay(hotel="Acorn House", kind="double", nights=3), {})
    assert run.in_context("Is there parking?") == "Acorn House double Is there parking?"
    assert run.in_context("Has the acorn house double beds?") == "Has the acorn house double beds?"
    assert desk.run().in_context("Is there parking?") == "Is there parking?"


async def test_a_sentence_below_the_floor_is_no_answer_and_a_close_one_is_to_be_asked_about(
    desk: Desk, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = "Do dogs travel free on trains?", "Is there a fine for smoking on trains?"
    run = desk.run(near)
    passages = await run.retrieve(near, 2)
    found = await run._scope.retrieval.nearest(near, passages)
    assert (found[0].text, found[1]) == ("Dogs travel free on trains.", True)
    assert "nearest" not in desk.detail()
    monkeypatch.setattr(retriever, "floor", Floor(0.9, 0.6))
    with pytest.raises(Escalation, match="No passage was found that could answer"):
        await run._scope.retrieval.nearest(far, passages)
    detail = desk.detail()
    assert (detail["nearest"], detail["floor"]) == ("Dogs travel free on trains.", {"quoted": 0.9, "asked": 0.6})
    assert 0.1 < float(str(detail["similarity"])) < 0.6
    monkeypatch.setattr(retriever, "floor", Floor(0.9, 0.1))
    assert (await run._scope.retrieval.nearest(f"{far} ", passages))[1] is False
    # A record that goes on under another floor keeps to what was decided.
    again = desk.run(near)
    assert await again._scope.retrieval.nearest(near, await again.retrieve(near, 2)) == found
