"""Writes one sentence of context for each of some passages, so that a search finds them by what they leave unsaid.

Knows no index and no file. The sentence is for searching alone: it is never shown as if the document said it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from index.contexts import LONGEST, Surroundings
from models.contract import Contract
from models.engines.engine import Engine, Sampling
from models.errors import PromptTooLong
from models.grammar.grammar import compile_grammar
from pipeline.errors import UsageError
from pipeline.prompts.prompts import Prompts

TASK = "What is the last passage about? Name the place, the product or the person that it belongs to."
_AT_ONCE = 8


class Context(Contract):
    """What a passage is about, in the words of its document."""

    sentence: Annotated[str, Field(min_length=8, max_length=LONGEST)] = Field(
        description="What the passage is about, in one sentence."
    )


def wording() -> str:
    """Names what a model is asked: another one, other sentences."""
    return hashlib.sha256(TASK.encode()).hexdigest()[:8]


async def write_contexts(engine: Engine, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
    """`made(place, sentence)` for each as soon as it is there; "" for a passage longer than the model's context.

    UsageError for a model that is not trusted to word anything; raises as `Engine.generate`.
    """
    if not engine.profile.decides:
        raise UsageError(
            f"{engine.name} is only trusted to copy, not to say what a passage is about: name another model, or leave"
            " --contextual out."
        )
    grammar = compile_grammar(Context, spaced=engine.profile.spaced)
    layout = Prompts().laid_out(engine.profile)
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int, told: Surroundings) -> None:
        heading = f"{told.heading}\n{told.opening}".strip()
        texts = [text for text in (heading, told.before, told.text) if text]
        async with room:
            try:
                completion = await engine.generate(layout.answer(Context, TASK, texts), grammar, Sampling(0))
            except PromptTooLong:
                made(place, "")
                return
        made(place, Context.model_validate_json(completion.text).sentence)

    try:
        async with asyncio.TaskGroup() as tasks:
            for place, told in enumerate(asked):
                tasks.create_task(one(place, told))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # the others were cancelled, and what was made is kept
