"""Recovery: what is tried when a model's text was refused. A ladder is a list of plain callables, each given all that
was tried and what is at hand; it returns what to try next, or None where it cannot help, and the last one raises.

Which causes enter at which rung (LADDER, HELPS):

    rung           invalid   guardrail   unreadable
    resample          ×          ×                     another seed, and some warmth
    repair            ×          ×                     the refused text and the reason are shown
    re_retrieve                  ×                     twice as many passages, where the evidence was retrieved
    other_format      ×          ×                     XML described in the prompt in place of a grammar
    other_model       ×          ×           ×         the second model, where one is configured
    clarify                      ×                     the customer is asked, where the guardrail names a field
    escalate          ×          ×           ×         a person takes over

An absent engine is no such case (engine_client.py waits for it), nor is a first prompt that does not fit, which no
second try makes shorter; a rung whose own prompt is too long is passed over. One step may take `MOST_PER_STEP` tries,
one record `MOST_PER_RECORD` in all its steps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.engines.engine import Message, Sampling
from pipeline.outcome import Escalation
from pipeline.prompts.copier import Copier

Cause = Literal["invalid", "guardrail", "unreadable"]
"""Why a text was refused: a check of its contract; a guardrail; or nothing of the contract could be read from it."""

WARM = 0.7
"""Temperature of a second draw: high enough to leave the first answer, low enough to stay near it."""

UNFIT = "unfit"
"""finish_reason of a try whose longer prompt did not fit the model."""

MOST_PER_STEP = 6
MOST_PER_RECORD = 24
"""Twenty-four tries are four steps that each needed every rung: more is a sign that the task is wrong, not the draw."""


@dataclass(frozen=True)
class Try:
    """What a model is asked, and how; `rung` names the callable that proposed it, None for try `number` 1.

    `wider`: with more passages than at first. `prompted`: the form is described in the prompt and the answer read from
    XML, whatever the engine could enforce. `second`: the second model is asked.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    rung: str | None = None
    number: int = 1
    wider: bool = False
    prompted: bool = False
    second: bool = False


@dataclass(frozen=True)
class Attempt:
    """What came back. `error` says which rule the text broke; None when it may be used. `rule`: a guardrail's name."""

    text: str
    finish_reason: str
    error: str | None = None
    cause: Cause | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Means:
    """What is at hand for one step, beyond asking again.

    `repair`: the messages that show a model its refused text, and why. `clarify` asks the customer
    about a guardrail by name; it raises unless there is nothing to ask.
    """

    retrieves: bool = False
    prompts: bool = False
    second: bool = False
    repair: Callable[[Sequence[Message], str, str], Sequence[Message]] = Copier().repair
    clarify: Callable[[str], Awaitable[None]] | None = None
    left: int = MOST_PER_STEP
    """Tries that the record has left."""
    forced: Callable[[], Awaitable[bool]] | None = None
    """Whether there is only one text that a model may write, so that asking it again is of no use."""


Tried = Sequence[tuple[Try, Attempt]]
Rung = Callable[[Tried, Means], Awaitable[Try | None]]


async def resample(tried: Tried, means: Means) -> Try | None:
    """Draw again from the first prompt, with another seed and some warmth."""
    first = tried[0][0]
    sampling = replace(_fresh(tried), temperature=WARM)
    return Try(first.messages, sampling, "resample")


async def repair(tried: Tried, means: Means) -> Try | None:
    """Show the model its latest text and what was wrong with it."""
    _, latest = tried[-1]
    messages = means.repair(tried[0][0].messages, latest.text, latest.error or "")
    return Try(tuple(messages), _fresh(tried), "repair")


async def re_retrieve(tried: Tried, means: Means) -> Try | None:
    """Ask from scratch with twice as many passages: the first ones may not hold the answer."""
    return Try((), _fresh(tried), "re_retrieve", wider=True) if means.retrieves else None


async def other_format(tried: Tried, means: Means) -> Try | None:
    """Ask from scratch for XML in place of JSON: a model that is stuck in one form may find words in another."""
    return Try(tried[0][0].messages, _fresh(tried), "other_format", prompted=True) if means.prompts else None


async def other_model(tried: Tried, means: Means) -> Try | None:
    """Ask another model from scratch."""
    return Try(tried[0][0].messages, tried[0][0].sampling, "other_model", second=True) if means.second else None


async def clarify(tried: Tried, means: Means) -> Try | None:
    """Ask the customer for the field that the violated guardrail names; the workflow then starts over."""
    rule = tried[-1][1].rule
    if means.clarify is not None and rule is not None:
        await means.clarify(rule)
    return None


async def escalate(tried: Tried, means: Means) -> Try | None:
    """Nothing is left to try: a person takes over."""
    times = "once" if len(tried) == 1 else f"{len(tried)} times"
    raise Escalation("human", f"The model was asked {times} and its answer still broke a rule: {tried[-1][1].error}")


LADDER: tuple[Rung, ...] = (resample, repair, re_retrieve, other_format, other_model, clarify, escalate)
HELPS: dict[Rung, frozenset[Cause]] = {
    resample: frozenset({"invalid", "guardrail"}),
    repair: frozenset({"invalid", "guardrail"}),
    re_retrieve: frozenset({"guardrail"}),
    other_format: frozenset({"invalid", "guardrail"}),
    other_model: frozenset({"invalid", "guardrail", "unreadable"}),
    clarify: frozenset({"guardrail"}),
    escalate: frozenset({"invalid", "guardrail", "unreadable"}),
}
HOPELESS: tuple[Rung, ...] = (clarify, escalate)
"""For a grammar that admits one text only: asking again cannot change it."""


async def climb(
    first: Try,
    attempt: Callable[[Try], Awaitable[Attempt]],
    ladder: Sequence[Rung] = LADDER,
    means: Means | None = None,
) -> Attempt:
    """Try, and climb a rung for each failure. Raises Escalation at the top, or what a rung raises."""
    means = means or Means()
    tried: list[tuple[Try, Attempt]] = []
    rungs: Iterator[Rung] | None = None
    current = first
    while True:
        result = await attempt(current)
        if result.error is None:
            return result
        if result.finish_reason != UNFIT:  # else nothing was drawn: the next rung goes on from the last text
            tried.append((current, result))
        if rungs is None:
            rungs = iter(HOPELESS if means.forced is not None and await means.forced() else ladder)
        exhausted = len(tried) >= min(MOST_PER_STEP, means.left)
        for rung in rungs:
            cause = tried[-1][1].cause
            helps = cause is None or cause in HELPS.get(rung, frozenset({cause}))
            if not helps or (exhausted and rung not in HOPELESS):
                continue
            proposed = await rung(tried, means)
            if proposed is not None:
                current = replace(proposed, number=len(tried) + 1)
                break
        else:
            await escalate(tried, means)


def _fresh(tried: Tried) -> Sampling:
    first = tried[0][0].sampling
    return replace(first, seed=first.seed + len(tried))
