"""Expiry: what nobody has answered for too long is no longer asked, and goes to a person instead. Knows ages and where
questions wait; what becomes of one is journal/expiry.py's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress

from pipeline.batch.batch import expire_all
from pipeline.chat.dialogues import Dialogues
from pipeline.errors import Busy, JournalError
from pipeline.journal.expiry import due
from pipeline.journal.queries import reading
from pipeline.service.run_queue import RunQueue
from pipeline.service.sweeping import keep_sweeping

log = logging.getLogger("interlock.service")

PERIOD = 60.0
"""Seconds between two looks."""


class Expiry:
    """Of one service. `seconds`: for how long a question waits."""

    def __init__(self, seconds: float, dialogues: Dialogues, runs: RunQueue) -> None:
        self._seconds = seconds
        self._dialogues = dialogues
        self._runs = runs

    async def keep(self) -> None:
        """Look at once, and from then on every minute; what goes wrong is logged, and tried again."""
        await keep_sweeping(self.sweep, PERIOD, "What nobody answered could not be handed over")

    async def sweep(self) -> None:
        """End the wait of all questions that are old enough, of conversations and of runs."""
        count = self._dialogues.expire(self._seconds)
        for run in await asyncio.to_thread(lambda: list(self._late())):
            with suppress(KeyError, Busy):  # it was deleted, or a command is at work there: at the next look
                async with self._runs.opened(run) as journal:  # nobody else answers meanwhile
                    count += await expire_all(journal, self._seconds)
        if count:
            log.warning("Without an answer for too long: %d", count)

    def _late(self) -> Iterator[str]:
        for note in self._runs.all():
            with suppress(KeyError, JournalError):
                path = self._runs.journal(note["id"])
                if path is None:
                    continue
                with reading(path) as journal:
                    if due(journal, time.time() - self._seconds):
                        yield note["id"]
