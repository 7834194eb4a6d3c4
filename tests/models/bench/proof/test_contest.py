from __future__ import annotations

from datetime import date
from functools import partial
from random import Random
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field
from random_model import CONTEXT

from models import Contract, Quote, Said, Scratchpad
from models.bench.proof.contest import constrained, entries, plain, play
from models.bench.proof.plain_way import PlainWay, plain_twin
from models.engines.vllm.engine import VllmEngine


class Stop(Contract):
    city: Said[str]


class Journey(Contract):
    thinking: Scratchpad
    day: Said[date] | None
    quote: Quote
    stops: list[Stop] = Field(max_length=2)
    seats: Annotated[int, Field(ge=1, le=9), AfterValidator(abs)]


def test_the_plain_twin_is_the_same_class_without_what_json_schema_cannot_say() -> None:
    schema = plain_twin(Journey).model_json_schema()
    assert list(schema["properties"]) == ["thinking", "day", "quote", "stops", "seats"]
    assert schema["properties"]["day"]["anyOf"][0] == {"type": "string", "maxLength": 64}
    assert schema["properties"]["seats"] == {"minimum": 1, "maximum": 9, "title": "Seats", "type": "integer"}
    assert schema["properties"]["stops"]["maxItems"] == 2
    text = '{"thinking":"","day":"tomorrow","quote":"x","stops":[{"city":"anywhere"}],"seats":3,"more":1}'
    assert plain_twin(Journey).model_validate_json(text).model_dump()["stops"] == [{"city": "anywhere"}]


def test_the_entries_fit_the_context_and_a_seed_repeats_them() -> None:
    found = entries(Random(4), 6, CONTEXT)
    assert len(found) == 6
    assert all(entry.grammar.max_tokens < CONTEXT for entry in found)
    assert [entry.grammar for entry in entries(Random(4), 6, CONTEXT)] == [entry.grammar for entry in found]
    assert found[0].prompt(1) != found[0].prompt(2)


@pytest.mark.asyncio(loop_scope="session")
async def test_under_a_grammar_every_completion_is_valid_and_the_plain_way_loses_some(vllm_url: str) -> None:
    entered = entries(Random(0), 6, CONTEXT)
    engine, way = await VllmEngine.open(vllm_url), await PlainWay.open(vllm_url)
    done: list[None] = []
    ours = await play(partial(constrained, engine), entered, 1.5, 18, 16, lambda: done.append(None))
    theirs = await play(partial(plain, way), entered, 1.5, 18, 16, lambda: done.append(None))
    await engine.close()
    await way.close()
    assert ours == {"valid": 18}
    assert theirs.total() == 18
    assert 0 <= theirs["valid"] < 18
    assert len(done) == 36
