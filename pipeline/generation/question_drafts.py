"""Drafts questions that passages answer, as the beginning of a test set for search. Knows no index and no file.

A model writes them under a contract, each with the sentence that answers it; a person reads them before they count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from index.documents import Passage
from index.sentences import split_sentences
from models.contract import Contract
from models.engines.engine import Engine, Sampling
from models.errors import ContractError, PromptTooLong
from models.grammar.grammar import compile_grammar
from models.said import Quote
from pipeline.errors import UsageError
from pipeline.prompts.prompts import Prompts

TASK = (
    "What would somebody ask who needs to know this, has not read it, and does not use its words? The question makes"
    " sense without the text: it names what it is about."
)
# Above 0, so that not every question begins alike.
_TEMPERATURE = 0.7
_AT_ONCE = 8


class Draft(Contract):
    """One question and what answers it."""

    quote: Quote = Field(description="The sentence that answers the question.")
    question: Annotated[str, Field(min_length=8, max_length=160)] = Field(description="The question, in one sentence.")


@dataclass(frozen=True)
class Drafted:
    """A question, the passage that it was drafted from, and the sentence of it that answers."""

    question: str
    quote: str
    passage: Passage


async def draft_questions(
    engine: Engine,
    passages: Sequence[Passage],
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Drafted]:
    """One question a passage, in their order; none for a passage without a sentence, or longer than the context.

    UsageError for a model that is not trusted to weigh and to word; raises as `Engine.generate`.
    """
    if not engine.profile.decides:
        raise UsageError(
            f"{engine.name} is only trusted to copy, not to write questions: name another model, or write queries.jsonl"
            " by hand."
        )
    room = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def one(number: int, passage: Passage) -> Drafted | None:
        nonlocal done
        async with room:
            draft = await _draft(engine, passage, seed + number)
        done += 1
        progress(done, len(passages))
        return draft

    drafts = await asyncio.gather(*(one(number, passage) for number, passage in enumerate(passages)))
    return [draft for draft in drafts if draft is not None]


async def _draft(engine: Engine, passage: Passage, seed: int) -> Drafted | None:
    if not split_sentences(passage.text):
        return None
    text = passage.under_heading(passage.text)
    try:
        grammar = compile_grammar(Draft, evidence=[passage.text], spaced=engine.profile.spaced)
        messages = Prompts().laid_out(engine.profile).answer(Draft, TASK, [text])
        completion = await engine.generate(messages, grammar, Sampling(_TEMPERATURE, seed=seed))
    except (ContractError, PromptTooLong):
        return None
    draft = Draft.model_validate_json(completion.text)
    return Drafted(" ".join(draft.question.split()), str(draft.quote), passage)
