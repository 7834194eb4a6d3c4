from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from llguidance import LLMatcher

from models.bench.throughput.forms import FORMS, ask
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.compiled_grammars import LANES, CompiledGrammars

TOKENIZER = load_tokenizer("tiny")
NOTE, KEYS = (ask(FORMS[form], 0).grammar.lark for form in ("note", "keys"))
OUTGROWN = "start: (A B?)+\nA: /[a-z]{1,2000}/ & /.*a.{300}/\nB: /x/"


@dataclass
class Grammar:
    """One as vLLM's guidance backend makes it, as far as it is of interest here."""

    ll_matcher: LLMatcher
    terminated: bool = False


class Manager:
    """vLLM's structured output manager, as far as it compiles."""

    def __init__(self) -> None:
        self.compiled = Counter[str]()

    def _create_grammar(self, request: Any) -> Any:
        kind, text = request.structured_output_request.structured_output_key
        self.compiled[text] += 1
        if kind == "other":
            return SimpleNamespace(text=text)
        return Grammar(LLMatcher(TOKENIZER, text, log_level=0))


def asked(lark: str, kind: str = "grammar") -> Any:
    return SimpleNamespace(structured_output_request=SimpleNamespace(structured_output_key=(kind, lark)))


@pytest.fixture
def manager() -> Manager:
    return Manager()


def rows(matcher: LLMatcher, tokens: list[int]) -> list[bytes]:
    """The masks along a text."""
    found = []
    for token in tokens:
        found.append(bytes(matcher.compute_bitmask()))
        assert matcher.consume_token(token)
    return found


def test_a_grammar_that_is_asked_for_again_and_again_is_compiled_a_few_times(manager: Manager) -> None:
    grammars = CompiledGrammars(manager, tells=True)
    matchers = [grammars.create(asked(NOTE)).ll_matcher for _ in range(100)]
    assert manager.compiled[NOTE] == LANES + 1  # the first one may have been the only one
    assert len({id(matcher) for matcher in matchers}) == 100


def test_their_masks_are_those_of_a_grammar_of_ones_own_however_far_the_others_are(manager: Manager) -> None:
    random, grammars = Random(1), CompiledGrammars(manager, tells=True)
    texts = ['{"summary":"Lost in Goa.","severity":"low","recommendation":"Look \\"there\\"."}', '{"summary":"']
    for number in range(40):
        copy, tokens = grammars.create(asked(NOTE)).ll_matcher, TOKENIZER.tokenize_str(texts[number % 2])
        tokens = tokens[: random.randint(0, len(tokens))]
        alone = LLMatcher(TOKENIZER, NOTE, log_level=0)
        assert rows(copy, tokens) == rows(alone, tokens)
        assert copy.compute_ff_tokens() == alone.compute_ff_tokens()


def test_a_text_that_outgrows_what_is_built_takes_only_those_of_its_time_with_it(manager: Manager) -> None:
    grammars, (a,), (b,) = CompiledGrammars(manager, tells=True), *map(TOKENIZER.tokenize_str, "ab")
    for number in range(LANES + 2):
        matcher = grammars.create(asked(OUTGROWN)).ll_matcher
        matcher.compute_bitmask()
        assert not matcher.is_error()
        for place in range(400):
            if matcher.is_error():
                break
            matcher.consume_token(a if place % 3 else b)
            matcher.compute_bitmask()
        assert matcher.is_error(), number


def test_grammars_of_one_text_and_two_kinds_are_two(manager: Manager) -> None:
    grammars = CompiledGrammars(manager, tells=True)
    for _ in range(LANES + 2):
        assert not hasattr(grammars.create(asked(KEYS, "other")), "ll_matcher")  # another backend's: as it is
        assert grammars.create(asked(KEYS)).ll_matcher.compute_ff_tokens()


def test_what_is_not_asked_for_is_forgotten(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.engines.vllm.compiled_grammars.KEPT", 2 * LANES)
    grammars = CompiledGrammars(manager, tells=True)
    for _ in range(2 * LANES):
        grammars.create(asked(NOTE))
    for number in range(4 * LANES):  # as forms do that copy what customers say
        grammars.create(asked(f'start: "{number}"'))
    for _ in range(3):
        grammars.create(asked(NOTE))
    assert manager.compiled[NOTE] == LANES + 1 + min(3, LANES + 1)
    assert grammars._kept == sum(map(len, grammars._lanes.values())) <= 2 * LANES


def test_any_number_of_threads_may_ask(manager: Manager) -> None:
    grammars = CompiledGrammars(manager, tells=True)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: grammars.create(asked((NOTE, KEYS)[number % 2])), range(400)))
    assert len({id(grammar.ll_matcher) for grammar in made}) == 400
    assert all(grammar.ll_matcher.compute_ff_tokens() for grammar in made)
    assert max(manager.compiled.values()) <= LANES + 9
    assert grammars._kept == sum(map(len, grammars._lanes.values()))


@pytest.mark.parametrize(
    ("lark", "why"),
    [
        ("start: <[5000]>", "Token range end too large"),
        ('start: SAID\nSAID: %regex {"substring_chunks": [""]}', "unwrap"),
    ],
)
def test_what_cannot_be_compiled_is_told_each_time(manager: Manager, lark: str, why: str) -> None:
    grammars = CompiledGrammars(manager, tells=True)
    for _ in range(LANES + 2):
        with pytest.raises(ValueError, match=why):
            grammars.create(asked(lark))


def test_where_vllm_cannot_be_told_it_gets_what_it_made(manager: Manager) -> None:
    grammars = CompiledGrammars(manager, tells=False)
    for _ in range(LANES + 2):
        assert grammars.create(asked("start: <[5000]>")).ll_matcher.is_error()
