from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Literal

import numpy as np
import pytest
from pydantic import Field

from models import Contract
from models.bench.proof.random_walk import draw_budget, draw_token, least_budget, random_walk
from models.engines.tokenizers import load_tokenizer
from models.errors import EngineError
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits

BYTES = load_tokenizer("byte")


class Small(Contract):
    name: str = Field(max_length=6)
    note: str | None = Field(max_length=3)
    number: int = Field(ge=100, le=120)
    tags: list[Literal[True]] = Field(max_length=3)


SMALL = compile_grammar(Small)


@pytest.mark.parametrize("draw", ["uniform", "longest"])
@pytest.mark.parametrize("tokenizer", ["byte", "tiny"])
def test_a_walk_is_a_text_of_the_grammar_within_its_budget(tokenizer: str, draw: str) -> None:
    for seed in range(30):
        walk = random_walk(SMALL, load_tokenizer(tokenizer), Random(seed), draw)
        assert walk.fault is None
        assert walk.tokens <= SMALL.max_tokens
        assert admits(SMALL, walk.text)
        Small.model_validate_json(walk.text)


def test_the_longest_draw_reaches_the_very_end_of_the_budget() -> None:
    texts = [random_walk(SMALL, BYTES, Random(seed), "longest") for seed in range(40)]
    assert max(walk.tokens for walk in texts) == SMALL.max_tokens


def test_every_set_bit_is_drawn_as_often_as_any_other_and_no_other() -> None:
    mask = np.array([0, 0b1001, 1 << 31, 0, 0xFFFF0000], dtype="<u4")
    members = [32, 35, 95, *range(144, 160)]
    random = Random(0)
    seen = Counter(draw_token(mask, random) for _ in range(19_000))
    assert sorted(token for token in seen if token is not None) == members
    assert min(seen.values()) > 850
    assert draw_token(np.zeros(5, dtype="<u4"), random) is None


def test_a_budget_that_is_too_small_is_found() -> None:
    tight = replace(SMALL, max_tokens=SMALL.max_tokens - 1)
    walks = [random_walk(tight, BYTES, Random(seed), "longest") for seed in range(40)]
    assert "over_budget" in {walk.fault for walk in walks}
    assert all(walk.tokens <= tight.max_tokens for walk in walks)


def test_a_grammar_that_leads_nowhere_or_into_broken_bytes_is_a_fault_of_the_walk() -> None:
    nowhere = Grammar('start: "a" NOTHING\nNOTHING: /[a&&b]/', 10)
    try:
        fault = random_walk(nowhere, BYTES, Random(0)).fault
    except EngineError:
        fault = "stuck"
    assert fault == "stuck"
    with pytest.raises(EngineError, match="cannot compile the grammar"):
        random_walk(Grammar("start: missing", 10), BYTES, Random(0))


@pytest.mark.parametrize("lark", ['start: /a+/ "]"', "start: /a*/"])
def test_a_language_without_end_is_over_every_budget(lark: str) -> None:
    assert random_walk(Grammar(lark, 20), BYTES, Random(0), "longest").fault == "over_budget"


class Open(Contract):
    words: list[str]


def test_a_walk_with_a_budget_ends_within_it_closed_in_a_field_or_by_itself() -> None:
    grammar = compile_grammar(Open)
    walks = [random_walk(grammar, BYTES, Random(seed), budget=30) for seed in range(20)]
    for walk in walks:
        assert walk.fault is None
        assert walk.tokens <= 30
        Open.model_validate_json(walk.text)
    assert {walk.closed[:5] for walk in walks} == {"", "words"}
    assert random_walk(grammar, BYTES, Random(0), budget=4).fault == "over_budget"
    least = least_budget(grammar, BYTES)
    budgets = [draw_budget(least, Random(seed), 40) for seed in range(200)]
    assert (min(filter(None, budgets)), max(filter(None, budgets))) == (len('{"words":[]}') + 1, 40)
