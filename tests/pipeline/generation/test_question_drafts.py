"""Drafted questions, by the worst model there is: random weights under the grammar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from index import Passage
from models.engines.embedded import EmbeddedEngine
from pipeline.errors import UsageError
from pipeline.generation.question_drafts import draft_questions

PASSAGES = [
    Passage("a#0", "a", "Pets", "Dogs travel free. Cats pay ten euros.", 0, 37),
    Passage("a#40", "a", "", "---", 40, 43),
    Passage("b#0", "b", "", "One bag is free.", 0, 16),
]


@pytest_asyncio.fixture
async def engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    yield engine
    await engine.close()


async def test_each_passage_with_a_sentence_gets_a_question_and_what_answers_it(engine: EmbeddedEngine) -> None:
    told: list[tuple[int, int]] = []
    drafted = await draft_questions(engine, PASSAGES, 3, lambda done, total: told.append((done, total)))
    assert [one.passage.id for one in drafted] == ["a#0", "b#0"]
    for one in drafted:
        assert one.question == " ".join(one.question.split())
        assert one.quote in one.passage.text
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert await draft_questions(engine, PASSAGES, 3) == drafted


async def test_a_model_that_only_copies_is_refused_in_a_sentence(engine: EmbeddedEngine) -> None:
    engine.profile = replace(engine.profile, decides=False)
    with pytest.raises(UsageError, match=r"only trusted to copy, not to write questions: name another model"):
        await draft_questions(engine, PASSAGES)
