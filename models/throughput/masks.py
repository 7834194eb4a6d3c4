"""What a grammar costs without a server: its compilation, each mask, and how many tokens it forces.

Knows llguidance. Measured by walking along answers that were really given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median, quantiles
from typing import TypeVar

from llguidance import LLMatcher, LLTokenizer

from models.grammar import compile_grammar
from models.throughput.forms import Form, ask

T = TypeVar("T")


def mask_costs(form: Form, texts: Iterable[tuple[int, str]], tokenizer: LLTokenizer) -> dict[str, float]:
    """What answering request `number` with `text` takes, for each of `texts`.

    `compile_ms` is the median time to make our grammar of the contract, `matcher_ms` that to make llguidance's matcher
    of it; `forced_share` is the share of tokens that have no alternative.
    """
    compiling: list[float] = []
    matching: list[float] = []
    masks: list[float] = []
    forcing: list[float] = []
    forced = tokens = 0
    for number, text in texts:
        one = ask(form, number)
        said = [message.content for message in one.messages if message.role == "user"]
        compiling.append(_seconds(partial(compile_grammar, form.contract, said))[0])
        seconds, matcher = _seconds(partial(LLMatcher, tokenizer, one.grammar.lark))
        matching.append(seconds)
        walked = 0
        for token in tokenizer.tokenize_str(text):
            seconds, ahead = _seconds(matcher.compute_ff_tokens)
            forcing.append(seconds)
            masks.append(_seconds(matcher.compute_bitmask)[0])
            forced += bool(ahead)
            if not matcher.consume_token(token):
                break  # the model cut the text into other tokens than the tokenizer does
            walked += 1
        tokens += walked
    return {
        "compile_ms": round(1000 * median(compiling), 2),
        "matcher_ms": round(1000 * median(matching), 2),
        "mask_mean_us": round(1e6 * sum(masks) / len(masks), 1),
        "mask_p50_us": round(1e6 * median(masks), 1),
        "mask_p99_us": round(1e6 * quantiles(masks, n=100)[98], 1),
        "forcing_p50_us": round(1e6 * median(forcing), 1),
        "forcing_mean_us": round(1e6 * sum(forcing) / len(forcing), 1),
        "forced_share": round(forced / tokens, 3) if tokens else 0.0,
    }


def _seconds(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
