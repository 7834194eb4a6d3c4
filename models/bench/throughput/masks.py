"""What a grammar costs without a server: its compilation, each mask, and how many tokens it forces.

Knows llguidance. Measured by walking along answers that were really given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, median
from typing import TypeVar

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from models.bench.throughput.forms import Form, ask
from models.grammar.grammar import compile_grammar

T = TypeVar("T")


@dataclass
class Walk:
    """Seconds of each mask and of each look at what is forced, along the tokens of texts; and how many are forced."""

    masks: list[float] = field(default_factory=list)
    forcing: list[float] = field(default_factory=list)
    forced: int = 0
    tokens: int = 0

    def along(self, matcher: LLMatcher, tokens: Sequence[int]) -> None:
        """Add one text; it ends early where the model cut it into other tokens than the tokenizer does."""
        for token in tokens:
            seconds, ahead = _seconds(matcher.compute_ff_tokens)
            self.forcing.append(seconds)
            self.masks.append(_seconds(matcher.compute_bitmask)[0])
            self.forced += bool(ahead)
            if not matcher.consume_token(token):
                break
            self.tokens += 1


def mean_mask_seconds(answers: Iterable[tuple[str, str]], tokenizer: LLTokenizer) -> float:
    """Mean time of a mask along answers, each a grammar and a text in it; 0 without any."""
    walk = Walk()
    for lark, text in answers:
        walk.along(LLMatcher(tokenizer, lark), tokenizer.tokenize_str(text))
    return mean(walk.masks) if walk.masks else 0.0


def mask_costs(form: Form, texts: Iterable[tuple[int, str]], tokenizer: LLTokenizer) -> dict[str, float]:
    """What answering request `number` with `text` takes, for each of `texts`.

    `compile_ms` is the median time to make our grammar of the contract, `matcher_ms` that to make llguidance's matcher
    of it; `forced_share` is the share of tokens that have no alternative.
    """
    compiling: list[float] = []
    matching: list[float] = []
    walk = Walk()
    for number, text in texts:
        one = ask(form, number)
        said = [message.content for message in one.messages if message.role == "user"]
        compiling.append(_seconds(partial(compile_grammar, form.contract, said))[0])
        seconds, matcher = _seconds(partial(LLMatcher, tokenizer, one.grammar.lark))
        matching.append(seconds)
        walk.along(matcher, tokenizer.tokenize_str(text))
    return {
        "compile_ms": round(1000 * median(compiling), 2),
        "matcher_ms": round(1000 * median(matching), 2),
        "mask_mean_us": round(1e6 * mean(walk.masks), 1),
        "mask_p50_us": round(1e6 * median(walk.masks), 1),
        "mask_p99_us": round(1e6 * float(np.percentile(walk.masks, 99)), 1),
        "forcing_p50_us": round(1e6 * median(walk.forcing), 1),
        "forcing_mean_us": round(1e6 * mean(walk.forcing), 1),
        "forced_share": round(walk.forced / walk.tokens, 3) if walk.tokens else 0.0,
    }


def _seconds(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
