"""PeopleFirst: an engine of runs that does not stand back by itself, which waits while people are served.

Knows no queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar

PATIENCE = 10.0
"""Seconds that a call of a run waits for people at most: they go first, and do not stop it."""


class PeopleFirst(Wrapper):
    """`resting`: set while no message is being worked on."""

    def __init__(self, inner: Engine, resting: asyncio.Event) -> None:
        super().__init__(inner)
        self._resting = resting

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._resting.wait()
        return await self.inner.generate(messages, grammar, sampling, max_tokens)
