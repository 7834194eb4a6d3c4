"""Sentences of context, by the worst model there is: random weights under the grammar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from index.contexts import LONGEST, Surroundings
from models.engines.embedded import EmbeddedEngine
from pipeline.errors import UsageError
from pipeline.generation.passage_contexts import write_contexts

ASKED = [
    Surroundings("Acorn House > Pets", "Acorn House is a hotel.", "It has a garden.", "They stay at home."),
    Surroundings("", "", "", "One bag is free."),
    Surroundings("", "", "", "word " * 60_000),
]


@pytest_asyncio.fixture
async def engine(random_model: Path) -> AsyncIterator[EmbeddedEngine]:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    yield engine
    await engine.close()


async def test_each_passage_gets_a_sentence_and_one_that_is_too_long_for_the_model_gets_none(
    engine: EmbeddedEngine,
) -> None:
    made: dict[int, str] = {}
    await write_contexts(engine, ASKED, made.__setitem__)
    assert sorted(made) == [0, 1, 2]
    assert all(8 <= len(made[place]) <= LONGEST for place in (0, 1))
    assert made[2] == ""
    again: dict[int, str] = {}
    await write_contexts(engine, ASKED[1:2], again.__setitem__)
    assert again == {0: made[1]}


async def test_a_model_that_only_copies_is_refused_in_a_sentence(engine: EmbeddedEngine) -> None:
    engine.profile = replace(engine.profile, decides=False)
    with pytest.raises(UsageError, match=r"only trusted to copy, not to say what a passage is about: name another"):
        await write_contexts(engine, ASKED, lambda place, sentence: None)
