"""Recovery: what is tried when a model's text broke a rule. A ladder is a list of plain callables, each given all that
was tried and returning what to try next; the last one raises.

Entered when a text does not validate as its contract or violates a guardrail. An absent engine is no such case
(gateway.py), nor is a prompt that does not fit, which no second try makes shorter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from models.engine import Message, Sampling
from pipeline import prompts
from pipeline.outcome import Escalation

WARM = 0.7
"""Temperature of a second draw: high enough to leave the first answer, low enough to stay near it."""


@dataclass(frozen=True)
class Try:
    """What a model is asked, and how; `rung` names the callable that proposed it, None for try `number` 1."""

    messages: tuple[Message, ...]
    sampling: Sampling
    rung: str | None = None
    number: int = 1


@dataclass(frozen=True)
class Attempt:
    """What came back. `error` says which rule the text broke; None when it may be used."""

    text: str
    finish_reason: str
    error: str | None = None


Tried = Sequence[tuple[Try, Attempt]]
Rung = Callable[[Tried], Try]


def resample(tried: Tried) -> Try:
    """Draw again from the first prompt, with another seed and some warmth."""
    first = tried[0][0]
    sampling = replace(first.sampling, temperature=WARM, seed=first.sampling.seed + len(tried))
    return Try(first.messages, sampling, "resample")


def repair(tried: Tried) -> Try:
    """Show the model its latest text and what was wrong with it."""
    first, (_, latest) = tried[0][0], tried[-1]
    messages = prompts.repair(first.messages, latest.text, latest.error or "")
    return Try(tuple(messages), replace(first.sampling, seed=first.sampling.seed + len(tried)), "repair")


def escalate(tried: Tried) -> NoReturn:
    """Nothing is left to try: a person takes over."""
    times = "once" if len(tried) == 1 else f"{len(tried)} times"
    raise Escalation("human", f"The model was asked {times} and its answer still broke a rule: {tried[-1][1].error}")


LADDER: tuple[Rung, ...] = (resample, repair, escalate)
HOPELESS: tuple[Rung, ...] = (escalate,)
"""For a grammar that admits one text only: asking again cannot change it."""


async def climb(first: Try, attempt: Callable[[Try], Awaitable[Attempt]], ladder: Sequence[Rung] = LADDER) -> Attempt:
    """Try, and climb a rung for each failure. Raises Escalation at the top."""
    tried: list[tuple[Try, Attempt]] = []
    current = first
    for rung in ladder:
        result = await attempt(current)
        if result.error is None:
            return result
        tried.append((current, result))
        current = replace(rung(tried), number=len(tried) + 1)
    result = await attempt(current)
    if result.error is None:
        return result
    escalate([*tried, (current, result)])
