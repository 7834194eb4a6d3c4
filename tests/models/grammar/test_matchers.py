from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from llguidance import LLExecutor, LLMatcher

from models.engines.tokenizers import load_tokenizer
from models.errors import EngineError
from models.grammar.grammar import Grammar
from models.grammar.matchers import BYTES, Matchers, compiled, fault_of, is_outgrown

CODE = Grammar('start: "x" /[0-9]{2}/', 4)


def writes(matcher: LLMatcher, text: str) -> bool:
    return bool(matcher.consume_tokens(BYTES.tokenize_str(text)))


def test_every_matcher_is_at_the_start_wherever_others_are() -> None:
    matchers = Matchers(BYTES)
    first = matchers.start(CODE)
    assert writes(first, "x12")
    second = matchers.start(CODE)
    assert not second.is_accepting()
    assert writes(second, "x9")
    third = matchers.start(CODE)
    assert writes(third, "x34")
    assert first.is_accepting()
    assert not second.is_accepting()
    assert writes(second, "8")
    assert second.is_accepting()


def test_one_that_failed_does_not_spoil_the_next() -> None:
    matchers = Matchers(BYTES)
    spoilt = matchers.start(CODE)
    assert not writes(spoilt, "y")
    assert spoilt.is_error()
    assert writes(matchers.start(CODE), "x12")


def test_one_that_outgrew_what_is_built_does_not_spoil_the_next() -> None:
    # Copies share what their lexer builds: a server whose form was outgrown once refused it from then on.
    tokenizer = load_tokenizer("tiny")
    (a,), (b,) = map(tokenizer.tokenize_str, "ab")
    matchers, lark = Matchers(tokenizer), "start: (A B?)+\nA: /[a-z]{1,2000}/ & /.*a.{300}/\nB: /x/"
    for _ in range(2):
        matcher = matchers.start_of(lark)
        matcher.compute_bitmask()
        assert not matcher.is_error()
        for place in range(400):
            if matcher.is_error():
                break
            matcher.consume_token(a if place % 3 else b)
            matcher.compute_bitmask()
        assert is_outgrown(matcher)


def test_they_are_handed_out_while_another_thread_makes_masks() -> None:
    tokenizer, lark = load_tokenizer("tiny"), "start: A\nA: /[a-z]{1,2000}/ & /.*a.{300}/"
    matchers, executor = Matchers(tokenizer), LLExecutor(num_threads=1)
    row = np.zeros((1, (tokenizer.vocab_size + 31) // 32), dtype=np.int32)
    latest = matchers.start_of(lark)

    def decode() -> None:
        for token in tokenizer.tokenize_str("ab") * 60:
            executor.unsafe_compute_mask_ptr([(latest, 0)], row.ctypes.data, row.nbytes, 1)
            latest.consume_token(token)

    with ThreadPoolExecutor(1) as thread:
        decoding, handed = thread.submit(decode), 0
        while not decoding.done():
            assert not matchers._compiled[lark].is_spent
            handed += 1
        decoding.result()
    assert handed > 100


def test_a_grammar_is_compiled_anew_after_so_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.grammar.matchers.COPIES", 3)
    tried, make = list[str](), compiled
    monkeypatch.setattr("models.grammar.matchers.compiled", lambda *given: tried.append(given[1]) or make(*given))
    matchers = Matchers(BYTES)
    for _ in range(7):
        assert writes(matchers.start(CODE), "x12")
    assert tried == [CODE.lark] * 3


def test_a_forgotten_grammar_is_compiled_again() -> None:
    matchers = Matchers(BYTES, kept=1)
    other = Grammar('start: "y"', 2)
    for _ in range(3):
        assert writes(matchers.start(CODE), "x12")
        assert writes(matchers.start(other), "y")


def test_a_grammar_that_cannot_be_compiled_is_an_error_every_time() -> None:
    matchers = Matchers(BYTES)
    for _ in range(2):
        with pytest.raises(EngineError, match="llguidance cannot compile the grammar"):
            matchers.start(Grammar("start: nothing(", 10))


def test_a_fault_is_told_without_what_else_llguidance_knows() -> None:
    matcher = LLMatcher(BYTES, 'start: "a"', log_level=0)
    assert fault_of(matcher) == ""
    matcher.consume_token(ord("b"))
    assert "<state>" in matcher.get_error()
    assert fault_of(matcher) == """Parser Error: token "b" doesn't satisfy the grammar; byte 'b' fails parse"""


def test_a_grammar_of_more_rules_than_llguidance_builds_is_told_in_one_sentence() -> None:
    rules = range(66_000)
    lark = "start: " + " ".join(f"r{n}" for n in rules) + "".join(f'\nr{n}: "a" | "b" "c"' for n in rules)
    with pytest.raises(
        EngineError, match=r"^The grammar has more rules than llguidance builds\. Ask for fewer fields or values\.$"
    ):
        Matchers(BYTES).start_of(lark)
