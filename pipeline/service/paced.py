"""PacedPipeline: a pipeline that serves so many records at once; the others wait for their turn.

A message is acknowledged when it is received. Were all that have been received served at the same time, those that
arrive meanwhile would wait behind every step of every one of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.outcome import Outcome
from pipeline.runtime.pipeline import Pipeline


class PacedPipeline(Pipeline):
    """As a `Pipeline`; `pace`: how many records are served at the same time."""

    def __init__(self, *given: Any, pace: int, **options: Any) -> None:
        super().__init__(*given, **options)
        self._pace = asyncio.Semaphore(pace)

    async def serve_to_line(self, *given: Any, **options: Any) -> tuple[Outcome, str]:
        """As a `Pipeline` does, when it is this record's turn."""
        async with self._pace:
            return await super().serve_to_line(*given, **options)
