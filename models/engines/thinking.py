"""Thinking: an engine whose model thinks natively, with one budget for the thought and another for the answer.

Knows the order thought, then answer. Does not know how an engine switches thinking on, nor tags (think_tags.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.engines.engine import Completion, Decoding, Engine, Message, Sampling, Thinker, Usage
from models.engines.profiles import Profile
from models.engines.wording import Wording, said
from models.engines.wrapper import Wrapper
from models.errors import PromptTooLong
from models.grammar.grammar import Grammar

LEAST = 32
"""Tokens below which a thought is not worth a call where the context forces it to be short."""

SHORTEST = 200
"""Characters below which notes are left out rather than shortened further."""


class Thinking(Wrapper):
    """Thinks freely within a budget, then answers under the grammar with thinking switched off.

    The thought is ended when its budget is used up, and the answer follows whatever became of the thought, with the
    whole budget of its grammar. A model that cannot stop thinking answers where its thought would stand. Where the
    context is too small, the thought is shorter or left out; the answer never is.
    """

    def __init__(
        self,
        engine: Thinker,
        budget: int | None = None,
        answers: Engine | None = None,
        wording: Wording = Wording(),
    ) -> None:
        """`budget`: tokens a thought may take, by default the profile's. `answers`: who gives the answer, where that
        is not `engine` itself, such as `Prompted(engine)`. Raises ValueError for a budget below one token."""
        super().__init__(answers or engine)
        self._thinker = engine
        self._wording = wording
        budget = engine.profile.thinking_budget if budget is None else budget
        if budget < 1:
            raise ValueError(f"the thinking budget is {budget}, but must be 1 or more")
        self._profile = replace(engine.profile, thinks=True, thinking_budget=budget)

    @property
    def profile(self) -> Profile:
        """See `Engine.profile`: that of the model which thinks."""
        return self._profile

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`. Thinks before an answer under a grammar only, and only where it leaves a choice.

        Before a free text it thinks where `Decoding.effort` asks for it, and where that is 0 it does not at all.
        """
        effort = sampling.effort if isinstance(sampling, Decoding) else None
        thinks = effort is not None if grammar is None else grammar.constant is None
        if not thinks or effort == 0:
            return await self.inner.generate(messages, grammar, sampling, max_tokens)
        thought = await self._thought(messages, sampling)
        if thought is None:
            return await self.inner.generate(messages, grammar, sampling, max_tokens)
        answer = await self._answer(messages, thought.thinking, grammar, sampling, max_tokens)
        return replace(
            answer,
            usage=_sum(thought.usage, answer.usage),
            seconds=thought.seconds + answer.seconds,
            thinking="\n".join(filter(None, [thought.thinking, answer.thinking])),
        )

    async def _thought(self, messages: Sequence[Message], sampling: Sampling) -> Completion | None:
        share = sampling.effort if isinstance(sampling, Decoding) and sampling.effort is not None else 1.0
        budget = whole = max(int(self.profile.thinking_budget * share), 1)
        while budget >= min(LEAST, whole):
            try:
                return await self._thinker.think(messages, _lively(sampling), budget)
            except PromptTooLong:
                budget //= 2
        return None

    async def _answer(
        self,
        messages: Sequence[Message],
        notes: str,
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        while True:
            try:
                return await self.inner.generate(self._noted(messages, notes), grammar, sampling, max_tokens)
            except PromptTooLong:
                if not notes:
                    raise
                # What a thought came to stands at its end.
                notes = notes[-(len(notes) // 2) :] if len(notes) > SHORTEST else ""

    def _noted(self, messages: Sequence[Message], thought: str) -> list[Message]:
        """The notes at the end of the last turn: many chat templates refuse two turns of one role in a row."""
        if not thought:
            return list(messages)
        *before, last = messages
        notes = said(self._wording.notes, thought=thought)
        if last.role != "user":
            return [*messages, Message("user", notes)]
        return [*before, replace(last, content=f"{last.content}\n\n{notes}")]


def _lively(sampling: Sampling) -> Sampling:
    # The cards of Qwen3 and DeepSeek-R1 warn of endless repetition when a thought is decoded greedily, and name these.
    return Sampling(0.6, 0.95, sampling.seed) if sampling.temperature == 0.0 else sampling


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens)
