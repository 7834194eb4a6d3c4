"""MaskTimes: how long a contract takes to compile, and each mask of a text under it. Knows llguidance and the clock.

In processor time of one thread, which is where llguidance works, so that what else runs on the machine does not count.
Every text starts from a freshly compiled grammar, as every request to a vLLM server does: nothing that an earlier text
has taught the lexer is used again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import thread_time_ns

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from models.bench.proof.plausible import plausible_text
from models.bench.proof.random_walk import draw_token
from models.contract import Contract
from models.errors import EngineError
from models.grammar.grammar import compile_grammar, without_sources
from models.grammar.matchers import compiled, fault_of

_BYTES = 4
"""Of a token of usual text."""


@dataclass
class MaskTimes:
    """Nanoseconds of every call: `compile` from the class to a matcher that is ready, `plausible` and `random` one mask
    of the texts that plausible.py writes and of texts of uniformly random tokens."""

    compile: list[int] = field(default_factory=list)
    plausible: list[int] = field(default_factory=list)
    random: list[int] = field(default_factory=list)

    def merge(self, other: MaskTimes) -> None:
        """Take in what `other` has measured."""
        self.compile += other.compile
        self.plausible += other.plausible
        self.random += other.random


def measure(
    contract: type[Contract],
    said: Sequence[str],
    evidence: Sequence[str],
    tokenizer: LLTokenizer,
    random: Random,
    walks: int = 3,
    most: int | None = None,
    open: bool = False,
) -> MaskTimes:
    """Compile `contract` and fill every mask of two times `walks` texts under it, `most` of each text at most. `open`:
    of its grammar without ends, as engines take it that close a text; `most` has to be given.

    Raises EngineError where llguidance refuses the grammar or one of its own tokens.
    """
    times = MaskTimes()
    grammar = compile_grammar(contract, said, evidence, open=open)
    bytes_of_text = _BYTES * most if open and most is not None else None
    texts = [plausible_text(grammar, random, bytes_of_text) for _ in range(walks)]
    with _no_collection():
        for text in texts:
            without_sources.cache_clear()  # the first compilation is what is measured
            started = thread_time_ns()
            matcher = compiled(tokenizer, compile_grammar(contract, said, evidence, open=open).lark)
            times.compile.append(thread_time_ns() - started)
            times.plausible += _retrace(matcher, tokenizer.tokenize_str(text)[:most])
            times.random += _wander(compiled(tokenizer, grammar.lark), tokenizer, random, most)
    return times


def quantile(values: Sequence[int], share: float) -> float:
    """The value that `share` of `values` do not exceed; 0 of none."""
    return float(np.quantile(values, share, method="higher")) if values else 0.0


def _retrace(matcher: LLMatcher, tokens: Sequence[int]) -> list[int]:
    times = []
    for token in tokens:
        started = thread_time_ns()
        matcher.compute_bitmask()
        times.append(thread_time_ns() - started)
        if not matcher.consume_token(token):
            raise EngineError(f"A text of the grammar was refused: {fault_of(matcher)}", "Report this.")
    return times


def _wander(matcher: LLMatcher, tokenizer: LLTokenizer, random: Random, most: int | None) -> list[int]:
    times: list[int] = []
    words = -(-tokenizer.vocab_size // 32)
    while not matcher.is_stopped() and len(times) != most:
        started = thread_time_ns()
        mask = matcher.compute_bitmask()
        times.append(thread_time_ns() - started)
        token = draw_token(np.frombuffer(mask, "<u4", words), random)
        if token is None or token == tokenizer.eos_token:
            break
        matcher.consume_token(token)
    return times


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
