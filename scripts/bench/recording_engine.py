"""RecordingEngine: an engine that remembers what it was asked, what it answered and how long that took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar


@dataclass(frozen=True)
class Call:
    """One call that was answered; `seconds` of wall time."""

    messages: Sequence[Message]
    grammar: Grammar | None
    sampling: Sampling
    completion: Completion
    seconds: float


class Listening(Wrapper):
    """Stands in front of an engine that belongs to somebody else, and does not close it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.calls: list[Call] = []

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """As the other engine."""
        started = time.perf_counter()
        completion = await self.inner.generate(messages, grammar, sampling, max_tokens)
        self.calls.append(Call(messages, grammar, sampling, completion, time.perf_counter() - started))
        return completion

    async def close(self) -> None:
        """It belongs to somebody else."""
