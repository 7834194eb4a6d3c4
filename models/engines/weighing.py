"""Weighing: how likely a model finds each of a few options, read from the probabilities of one token.

Each option has a letter, and the grammar admits the letters only. Models prefer early letters and some letters as
such: the same question is put in both orders, and the two readings are averaged (geometrically, so that it does not
matter which came first). What a model says is then the same for any order in which the options are handed in, since
they are sorted by name first.

`fuse` asks once, and has the form that belongs to the chosen option written in the same breath. What it says does not
depend on the order in which the options are handed in either, but the model's liking for some letters stays in it.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.engines.engine import Completion, Message, Sampling
from models.errors import PromptTooLong
from models.grammar.grammar import Grammar, compile_choice

if TYPE_CHECKING:
    from models.contract import Contract

LIKELIEST = 20
"""Alternatives of a letter that are asked for: the most that a vLLM server gives unless told otherwise."""
LETTERS = string.ascii_uppercase
LEAST = 1e-4
"""Share of an option whose letter is not among the alternatives that an engine tells: they are at most twenty."""

Ask = Callable[[Sequence[Message], Grammar, Sampling], Awaitable[Completion]]
"""`Engine.generate`, or what stands before it."""
Prompt = Callable[[Mapping[str, str]], Sequence[Message]]
"""The messages that offer options by letter, in this order."""


@dataclass(frozen=True)
class Weighed:
    """`shares`: option to probability, sum 1, sorted by name. `calls`: the completions they were read from."""

    shares: Mapping[str, float]
    calls: tuple[Completion, ...] = ()


async def weigh(ask: Ask, prompt: Prompt, options: Sequence[str]) -> Weighed:
    """How likely each of the options is. One option costs no call; more cost two, which are made at once.

    ValueError for none, or more than there are letters. Raises what `ask` raises.
    """
    names = sorted(set(options))
    if not 1 <= len(names) <= len(LETTERS):
        raise ValueError(f"{len(names)} options cannot be weighed, but 1 to {len(LETTERS)}")
    if len(names) == 1:
        return Weighed({names[0]: 1.0})
    letters = LETTERS[: len(names)]
    grammar = Grammar("start: " + " | ".join(f'"{letter}"' for letter in letters) + "\n", 2, weighs=LIKELIEST)
    orders = [dict(zip(letters, order, strict=True)) for order in (names, names[::-1])]
    calls = await asyncio.gather(*[ask(prompt(order), grammar, Sampling()) for order in orders])
    readings = [_read(call, order) for call, order in zip(calls, orders, strict=True)]
    products = {name: (readings[0][name] * readings[1][name]) ** 0.5 for name in names}
    whole = sum(products.values())
    return Weighed({name: product / whole for name, product in products.items()}, tuple(calls))


@dataclass(frozen=True)
class Fused:
    """`shares` as in Weighed; `choice`: the option that was written, with its form's JSON as `text`, or "".

    `scratchpad`: characters that a Scratchpad might have, None for as many as it declares.
    """

    shares: Mapping[str, float]
    choice: str
    text: str
    call: Completion
    scratchpad: int | None = None


async def fuse(
    ask: Ask,
    prompt: Prompt,
    forms: Mapping[str, type[Contract] | None],
    said: Sequence[str],
    sampling: Sampling,
    lengths: Sequence[int | None] = (None,),
    spaced: bool = False,
) -> Fused:
    """How likely each option is, and the form of the chosen one, from one completion.

    `forms`: option to its form, or None where there is nothing to write. `lengths`: of scratchpads, of which the first
    is taken that leaves room for the prompt. `spaced`: how a form's JSON is written (`compile_grammar`). ValueError for
    fewer than two options, or more than there are letters. Raises what `ask` raises: PromptTooLong if no length leaves
    room.
    """
    names = sorted(forms)
    if not 2 <= len(names) <= len(LETTERS):
        raise ValueError(f"{len(names)} options cannot be chosen from, but 2 to {len(LETTERS)}")
    order = dict(zip(LETTERS, names, strict=False))
    messages = prompt(order)
    lettered = {letter: forms[name] for letter, name in order.items()}
    for number, length in enumerate(lengths, start=1):
        try:
            call = await ask(messages, compile_choice(lettered, said, length, spaced), sampling)
        except PromptTooLong:
            if number == len(lengths):
                raise
            continue
        return Fused(_read(call, order), order[call.text[0]], call.text[1:], call, length)
    raise ValueError("no length of a scratchpad was given")


def _read(call: Completion, order: Mapping[str, str]) -> dict[str, float]:
    """Shares by name, sum 1. An engine that tells no alternatives is taken at its word, with a little doubt.

    A token may hold a letter and the beginning of its form. Letters that are not among the alternatives share what
    these leave, but none has more than the least likely of those that are.
    """
    told = dict.fromkeys(order, 0.0)
    for text, share in call.first.items():
        letter, rest = text.strip()[:1], text.strip()[1:]
        if letter in told and rest[:1] in ("", "{"):
            told[letter] += share
    if not any(told.values()):
        told[call.text.strip()[:1]] = 1.0
    elif missing := [letter for letter, share in told.items() if not share]:
        left = max(0.0, 1.0 - sum(call.first.values())) / len(missing)
        told |= dict.fromkeys(missing, min(left, *(share for share in told.values() if share)))
    whole = sum(told.values())
    shares = {name: max(told[letter] / whole, LEAST) for letter, name in order.items()}
    return {name: share / sum(shares.values()) for name, share in shares.items()}
