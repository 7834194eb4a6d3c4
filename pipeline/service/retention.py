"""Retention: what is older than an operator wants to keep it is taken away, every hour. Knows ages; serves nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from pipeline.chat.dialogues import Dialogues
from pipeline.chat.erasure import old
from pipeline.journal.journal import Journal
from pipeline.service.file_store import FileStore
from pipeline.service.run_queue import RunQueue
from pipeline.service.run_readings import OPEN
from pipeline.service.sweeping import keep_sweeping

log = logging.getLogger("interlock.service")

PERIOD = 3600.0
"""Seconds between two looks."""


class Retention:
    """Of one service. `seconds`: the age at which conversations, runs that have ended and files go."""

    def __init__(
        self, seconds: float, journal: Journal, dialogues: Dialogues, runs: RunQueue, files: FileStore
    ) -> None:
        self._seconds = seconds
        self._journal = journal
        self._dialogues = dialogues
        self._runs = runs
        self._files = files

    async def keep(self) -> None:
        """Look at once, and from then on every hour; what goes wrong is logged, and tried again."""
        await keep_sweeping(self.sweep, PERIOD, "What is old could not be taken away")

    async def sweep(self) -> None:
        """Take away what is old enough. What a person has to see to stays, and a run that is not at its end."""
        before = time.time() - self._seconds
        if gone := [id for id in old(self._journal, before) if not self._dialogues.is_busy(id)]:
            await self._dialogues.forget(*gone)
        runs, files = await asyncio.to_thread(self._old, before)
        for id in runs:
            with suppress(KeyError):  # somebody was faster
                await self._runs.delete(id)
        for id in files:
            await asyncio.to_thread(self._files.delete, id)
        if gone or runs or files:
            log.warning("Taken away by age: %d conversations, %d runs, %d files", len(gone), len(runs), len(files))

    def _old(self, before: float) -> tuple[list[str], list[str]]:
        runs = [note["id"] for note in self._runs.all() if note["state"] not in _UNDER_WAY and _latest(note) < before]
        return runs, [note["id"] for note in self._files.all() if note["created"] < before]


_UNDER_WAY = (*OPEN, "paused")


def _latest(note: dict[str, float]) -> float:
    """When a run came to its end, or was made."""
    return float(note.get("ended") or note["created"])
