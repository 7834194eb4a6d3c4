"""Probe: whether the engine answers, asked seldom: one token, and the same answer for a few seconds after."""

from __future__ import annotations

import asyncio
import time

from models.engines.engine import Engine, Message, Sampling

SECONDS = 10.0
"""That an engine has for one token, behind all else that it has to do."""
REMEMBERED = 5.0
"""Seconds for which an answer holds: a readiness check comes every few seconds, and costs an engine a call."""


class Probe:
    """Of one engine; an app without one is always ready."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._answered = False
        self._at = -REMEMBERED
        self._lock = asyncio.Lock()

    async def answers(self) -> bool:
        """Whether it answered a moment ago."""
        async with self._lock:  # whoever comes meanwhile gets the same answer
            if time.monotonic() - self._at >= REMEMBERED:
                self._answered = await self._ask()
                self._at = time.monotonic()
        return self._answered

    async def _ask(self) -> bool:
        if self._engine is None:
            return True
        try:
            async with asyncio.timeout(SECONDS):
                await self._engine.generate([Message("user", "Hello")], None, Sampling(), max_tokens=1)
        except Exception:  # whatever it is, it does not answer
            return False
        return True
