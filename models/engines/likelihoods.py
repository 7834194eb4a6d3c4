"""Likelihoods: how likely what was said is behind each of a few texts, from the probabilities of a prompt's tokens.

A small model that is asked which text fits has a favourite. Asked the other way round it has none: the same words are
weighed behind each text ("Kind of product: books"). That is the noisy channel (Min et al., "Noisy Channel Language
Model Prompting for Few-Shot Text Classification", 2022).

Knows prompts without a chat's template; knows no contract, nor what else a choice goes by (preferences.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Decoding, Message
from models.engines.weighing import Ask
from models.grammar.grammar import Grammar

_ANYTHING = Grammar('start: "A" | "B"\n', 2)
"""A token that nobody reads: engines tell a prompt's probabilities beside an answer, which must not be forced."""


@dataclass(frozen=True)
class Likelihoods:
    """`logs`: natural logarithms by text, the same for all where an engine tells nothing of prompts. `calls`: the
    completions that they were read from."""

    logs: Mapping[str, float]
    calls: tuple[Completion, ...] = ()


async def likelihoods(ask: Ask, said: str, label: str, texts: Sequence[str]) -> Likelihoods:
    """How likely `said` is behind each text: one call for each, made at once.

    `label`: what the texts are, in a few words. Raises what `ask` raises.
    """
    said, told = said.strip(), Decoding(prompt_logprobs=True)
    prompts = [Message("prompt", f"{label}: {text}\n{said}") for text in texts]
    calls = await asyncio.gather(*[ask([prompt], _ANYTHING, told) for prompt in prompts])
    return Likelihoods({text: _log(call, said) for text, call in zip(texts, calls, strict=True)}, tuple(calls))


def _log(call: Completion, said: str) -> float:
    """Of the tokens at a prompt's end that are all of `said`: the same ones behind every text."""
    left, found = len(said), 0.0
    for token, score in reversed(call.prompt_logprobs):
        left -= len(token)
        if left < 0:
            break
        found += score
    return found
