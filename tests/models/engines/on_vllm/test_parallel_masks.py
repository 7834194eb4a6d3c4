from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from llguidance import LLMatcher
from random_walk import random_walk

from models.bench.throughput.forms import FORMS, ask
from models.engines.closing import Closing
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.closings import Closings
from models.engines.vllm.parallel_masks import ParallelMasks

TOKENIZER = load_tokenizer("tiny")


@dataclass
class Text:
    """One request in the middle of its answer, as far as masks are concerned."""

    ll_matcher: LLMatcher
    ll_tokenizer: Any = field(default=TOKENIZER)
    closing: Closing | None = None

    def is_terminated(self) -> bool:
        return False

    @property
    def structured_output_request(self) -> Any:
        return SimpleNamespace(grammar=self, closing=self.closing)


class OneByOne:
    """Masks the way vLLM fills them: one after the other, accepting each draft and taking all back at the end."""

    reasoner_cls = None
    backend: Any = None

    def __init__(self) -> None:
        self._grammar_bitmask = torch.full((400, (TOKENIZER.vocab_size + 31) // 32), -1, dtype=torch.int32)
        self.asked = 0

    def grammar_init(self, request: Any) -> None:
        """Nothing to compile."""

    def grammar_bitmask(self, requests: dict[str, Text], names: list[str], drafts: dict[str, list[int]]) -> Any:
        self.asked += 1
        rows = []
        for name in names:
            matcher, tokens = requests[name].ll_matcher, drafts.get(name, [])
            for token in tokens:
                rows.append(matcher.compute_bitmask())
                assert matcher.consume_token(token)
            rows.append(matcher.compute_bitmask())
            matcher.rollback(len(tokens))
        width = self._grammar_bitmask.shape[1]
        return np.stack([np.frombuffer(row, dtype=np.int32)[:width] for row in rows])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_they_are_the_masks_that_are_filled_one_by_one(form: str, seed: int) -> None:
    random, requests, drafts = Random(seed), {}, {}
    for number in range(30):
        one = ask(FORMS[form], number)
        text, _ = random_walk(one.grammar, TOKENIZER, random)
        matcher, tokens = LLMatcher(TOKENIZER, one.grammar.lark), TOKENIZER.tokenize_str(text)
        matcher.try_consume_tokens(tokens[: random.choice([0, random.randint(0, len(tokens))])])
        requests[str(number)] = Text(matcher)
        if forced := matcher.compute_ff_tokens()[: random.randint(0, 8)]:
            drafts[str(number)] = forced
    manager = OneByOne()
    names = list(requests)
    assert 0 < len(drafts) < len(names)
    theirs = manager.grammar_bitmask(requests, names, drafts)
    ours = ParallelMasks(manager, Closings(manager, 1024)).fill(requests, names, drafts)
    assert ours.shape == theirs.shape
    assert (ours == theirs).all()
    assert manager.asked == 1  # ours did not ask for help
    assert (manager.grammar_bitmask(requests, names, drafts) == theirs).all()  # and took all drafts back


def test_where_a_grammar_outgrows_what_is_built_the_text_ends_and_says_so() -> None:
    lark, manager = "start: (A B?)+\nA: /[a-z]{1,2000}/ & /.*a.{300}/\nB: /x/", OneByOne()
    matcher = LLMatcher(TOKENIZER, lark, log_level=0)
    closings, (a,), (b,) = Closings(manager, 1024), *map(TOKENIZER.tokenize_str, "ab")
    masks, text = ParallelMasks(manager, closings), Text(matcher, closing=Closing(TOKENIZER, 'start: "a"', 5))
    for number in range(400):
        manager._grammar_bitmask.fill_(-1)  # as of another step
        rows = masks.fill({"a": text}, ["a"], {"a": [b, b]})
        if matcher.is_error():
            break
        matcher.consume_token(a if number % 3 else b)
    assert matcher.is_error()
    bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    assert [list(np.flatnonzero(row)) for row in bits] == [[TOKENIZER.eos_token]] * 3
    assert closings.told(text) == "too complex: lexer error: too many expressions constructed"


@pytest.mark.parametrize("knows", [True, False])
def test_where_a_text_has_room_for_its_ending_only_its_masks_admit_nothing_else(knows: bool) -> None:
    lark, manager = 'start: "[" (/[a-z]+/ ",")* "]"', OneByOne()
    manager.reasoner_cls = None if knows else object  # then vLLM fills them, and the endings still hold
    closings, requests = Closings(manager, 1024), {}
    for name, budget in (("tight", 3), ("wide", 40)):
        requests[name] = Text(LLMatcher(TOKENIZER, lark), closing=Closing(TOKENIZER, lark, budget))
    drafts = {"tight": TOKENIZER.tokenize_str("[]")}
    assert len(drafts["tight"]) == 2
    rows = ParallelMasks(manager, closings).fill(requests, ["wide", "tight"], drafts)
    bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    assert [list(np.flatnonzero(row)) for row in bits[1:]] == [[one] for one in [*drafts["tight"], TOKENIZER.eos_token]]
    assert bits[0].sum() > 0
    assert (closings.of(requests["tight"]).closed, closings.of(requests["wide"]).closed) == ("$", "")


@pytest.mark.parametrize(
    ("lark", "told"),
    [
        ("start: <[300]>", "too short: llguidance cannot compile the grammar: "),  # a token, where its bytes are asked
        ('start: x "b"\nx: %regex {"substring_chunks": ["a", ""]}', "too short: llguidance cannot compile"),  # a panic
        ('start: "a" start', "too short: The grammar has no short text that could be found."),
        ('start: "abc"', "closing"),
    ],
)
def test_whatever_becomes_of_an_ending_the_request_is_planned_and_says_so(lark: str, told: str) -> None:
    manager, compiled = OneByOne(), Future[str]()
    manager.backend = SimpleNamespace(ll_tokenizer=TOKENIZER)
    structured = SimpleNamespace(params=SimpleNamespace(grammar=lark), _grammar=compiled)
    asked = SimpleNamespace(extra_args={"interlock_closing": 1})
    request = SimpleNamespace(
        structured_output_request=structured, sampling_params=asked, max_tokens=9, num_prompt_tokens=1
    )
    closings = Closings(manager, 1024)
    closings.begin(request)
    waiting = structured.grammar
    compiled.set_result("compiled")
    assert waiting.result(60) == "compiled"
    structured.grammar = SimpleNamespace(ll_matcher=LLMatcher(TOKENIZER, 'start: "a"'))
    assert (closings.of(request) is None, request.max_tokens) == ((True, 1) if told != "closing" else (False, 9))
    said = closings.told(request)
    assert said.startswith(told)
    assert "\n" not in said


def test_what_they_do_not_know_is_left_to_vllm() -> None:
    one = ask(FORMS["keys"], 0)
    known = {"a": Text(LLMatcher(TOKENIZER, one.grammar.lark))}
    ended = {"a": [TOKENIZER.eos_token]}
    manager = OneByOne()
    masks = ParallelMasks(manager, Closings(manager, 1024))
    masks.fill(known, ["a"], {})
    assert manager.asked == 0
    with pytest.raises(AssertionError):  # their way of filling it, which refuses an ending here
        masks.fill(known, ["a"], ended)
    manager.reasoner_cls = object
    masks.fill({"a": Text(LLMatcher(TOKENIZER, one.grammar.lark))}, ["a"], {})
    assert manager.asked == 2
