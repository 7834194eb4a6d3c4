"""Calls: what is asked of the model itself over OpenAI's API: how much of it goes on at once, and whose turn it is.

Of one token's calls as many are served at once as of its messages, and no more are taken on. Formats are read one after
the other, whoever had none read before others' second: they are compiled beside the loop, after a trial (trial.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from pipeline.chat.fair_slots import FairSlots
from pipeline.completions.options import FORMATS
from pipeline.completions.request import Request, read_request
from pipeline.completions.trial import Trial
from pipeline.service.errors import check_room
from pipeline.service.limits import Limits, Slots


class Calls:
    """Of one service."""

    def __init__(self, limits: Limits, trial: Trial) -> None:
        self._trial = trial
        self._taken = Slots(limits.turns)
        self._served = FairSlots(limits.concurrency)
        self._reading = FairSlots(1)
        self._reader = ThreadPoolExecutor(1, "formats")

    async def read(self, owner: str, route: str, body: dict[str, Any]) -> Request:
        """A request. BadRecord for what cannot be obeyed; ApiError 429 where too many calls are under way."""
        check_room(self._taken, owner, "calls of the model are being worked on", 1.0)
        if not any(body.get(name) for name in FORMATS):
            return read_request(route, body)

        def read() -> Request:
            self._trial.check(route, body)
            return read_request(route, body)

        with self._taken.hold(owner):
            async with self._reading.slot(owner):
                return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    @asynccontextmanager
    async def served(self, owner: str) -> AsyncIterator[None]:
        """A block in which a call is served."""
        with self._taken.hold(owner):
            async with self._served.slot(owner):
                yield

    def close(self) -> None:
        """End what is being read."""
        self._trial.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
