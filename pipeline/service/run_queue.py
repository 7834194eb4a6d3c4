"""RunQueue: batches that were uploaded, each in a folder of its own, a few at once on the service's engine.

A run is an `interlock run`: its folder can be gone on with, inspected and replayed by the same commands. What was under
way when the process ended goes on when the next one starts. Those that are served at once have as many records under
way each, and what takes these takes them in the order in which they come: so each has about the same share. Knows
folders; whose turn it is is run_turns.py's business, how one of them is served run_passes.py's.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import date
from pathlib import Path
from typing import Any

from models.background import Background
from pipeline.errors import Busy, JournalError, Unwritable, UsageError
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder
from pipeline.service.errors import ApiError
from pipeline.service.limits import share
from pipeline.service.run_kind import RunKind
from pipeline.service.run_passes import REQUESTS, RUN, RunPasses
from pipeline.service.run_readings import OPEN

MOST_WAITING = 100
"""Runs that may wait for their turn."""
GOES_ON = ("paused", "stopped")
"""States from which a run goes on when it is told to."""


class RunQueue(RunPasses):
    """Those below one folder; `kinds`: what runs of each kind are served with, `today` as for `run_batch`.
    `background`: what their work is of, None: nobody goes before them. `most`: how many are served at once.
    """

    def __init__(
        self,
        folder: Path,
        kinds: Mapping[str, RunKind],
        today: date | None,
        interrupted: Callable[[], None] = lambda: None,
        background: Background | None = None,
        most: int = 1,
    ) -> None:
        super().__init__(folder, kinds, today, interrupted, background, most)
        self._started = False

    def start(self) -> None:
        """Go on with what is unfinished, oldest first, and wait for more."""
        self.notes.sweep()
        for note in reversed(self.all()):
            if note["state"] in OPEN:
                self._put(note["id"])
        self._started = True

    @property
    def alive(self) -> bool:
        """Whether they are served."""
        return self._started and not self._stop.is_set()

    async def close(self, seconds: float) -> None:
        """Let the records under way come to their end, but no longer than this; the next start goes on from there."""
        self._stop.set()
        for stop in self._served.values():
            stop.set()
        await self._turns.close(seconds)

    def new(self, by: str, id: str = "") -> tuple[str, Path]:
        """A name for a run, and the file that its requests go to. ApiError when too many wait, of all or of `by`."""
        if self._turns.waiting() >= MOST_WAITING:
            raise _too_many(f"{MOST_WAITING} runs wait already.")
        if by and self._turns.waiting(by) >= share(MOST_WAITING):
            raise _too_many(f"{share(MOST_WAITING)} runs of one token wait already.")
        id = id or f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        folder = self.notes.path(id)
        folder.mkdir(parents=True)
        return id, folder / REQUESTS

    async def submit(self, id: str, by: str, more: Mapping[str, Any] = {}) -> dict[str, Any]:
        """Check the requests of a new run and put it last; `more` is noted of it.

        ApiError for a file without any request, which is taken away.
        """
        note = {"id": id, "created": time.time(), "by": by, "state": "waiting", **more}
        try:
            requests = await self._read(note)
        except UsageError as error:
            self.drop(id)
            why = str(error).replace(str(self.notes.path(id) / REQUESTS), "The upload")
            raise ApiError(422, "invalid", why, "See docs/batches.md on requests.") from None
        note |= {"records": requests.records, "errors": requests.errors, "error": None, "summary": None}
        try:
            await asyncio.to_thread(self.notes.keep_unread, id, requests)
            self.notes.write(id, note, kept=True)
        except OSError:
            self.drop(id)
            raise
        self._put(id)
        return self.one(id)

    async def cancel(self, id: str, by: str = "") -> None:
        """Begin no further record of a run; nothing for one that has come to its end. KeyError."""
        async with self._changing:
            state = self.notes.one(id)["state"]
            if state == "deleting" or state not in (*OPEN, "paused"):
                return
            self.notes.write(id, {"state": "cancelling", "cancelling": time.time(), "stopped_by": by}, kept=True)
            if id in self._served:
                self._served[id].set()
            else:
                await self._ended(id, "cancelled")  # it is passed over when its turn comes

    async def pause(self, id: str, by: str = "") -> None:
        """Begin no further record of a run until it is resumed, also by a later process. KeyError; UsageError for one
        that cannot be paused.
        """
        async with self._changing:
            state = self.notes.one(id)["state"]
            if state in ("pausing", "paused"):
                return
            if state not in ("waiting", "running"):
                raise UsageError("Only a run that goes on, or waits for its turn, can be paused.")
            served = id in self._served
            self.notes.write(id, {"state": "pausing" if served else "paused", "stopped_by": by}, kept=True)
            if served:
                self._served[id].set()

    async def resume(self, id: str) -> None:
        """Go on with a run that was paused, or that stopped with an error. KeyError; UsageError for another."""
        async with self._changing:
            note = self.notes.one(id)
            state, then = note["state"], note.get("then")
            if state not in (*GOES_ON, "pausing", "waiting", "running"):
                raise UsageError("Only a run that is paused, or that stopped, can go on.")
            change = {"error": None, "ended": None, "stopped_by": None, "then": None if then in GOES_ON else then}
            if state not in ("waiting", "running"):
                change["state"] = "waiting"
            self.notes.write(id, change, kept=True)
            self._put(id)

    async def retry(self, id: str, which: Collection[str]) -> int:
        """Serve records of a run once more, as `Journal.retry`; how many. KeyError; UsageError for a batch, the files
        of which are made already, and for an id of none that has ended.
        """
        if self.notes.one(id).get("kind", RUN) != RUN:
            raise UsageError("The files of a batch are made: send the lines that failed as a new one.")
        async with self.opened(id) as journal:
            try:
                return await journal.retry(which)
            except Unwritable:
                raise
            except JournalError as error:
                raise UsageError(str(error).partition(":")[0] + ".") from None

    async def rename(self, id: str, name: str) -> None:
        """Call a run by another name; "": by that of its file. KeyError."""
        async with self._changing:
            note = self.notes.one(id)
            self.notes.write(id, {"name": name or note.get("file", "")}, kept=True)

    async def delete(self, id: str) -> bool:
        """Take a run away with all its files: at once, or, where it is served, when the records under way have ended,
        in which case False is returned. What a kill leaves of it goes at the next start. KeyError.
        """
        async with self._changing:
            self.notes.one(id)
            self.notes.write(id, {"state": "deleting"})  # also on a full disk, which this is a way to empty
            if id in self._served:
                self._served[id].set()
                return False
            await asyncio.to_thread(self.notes.remove, id)
            return True

    @asynccontextmanager
    async def opened(self, id: str) -> AsyncIterator[Journal]:
        """The journal of a run to write into, whether it is served or not; afterwards what was opened again goes on.

        KeyError if there is no such run, or nothing of it was begun; Busy while a command works on its folder.
        """
        folder = Folder(self.notes.path(id) / "out")
        async with self._changing:
            if self.journal(id) is None:
                raise KeyError(id)
            with nullcontext() if id in self._served else _ours(folder):
                async with Journal.open(folder.journal) as journal:
                    yield journal
            if id not in self._served:  # else it looks for what is left at its end
                note = self.notes.one(id)
                if note["state"] not in OPEN:
                    self.notes.write(id, {"state": "waiting", "then": note["state"]})
                    self._put(id)

    def drop(self, id: str) -> None:
        """Take away a run that was never begun."""
        shutil.rmtree(self.notes.path(id), ignore_errors=True)


def _too_many(told: str) -> ApiError:
    return ApiError(429, "overloaded", told, "Come back when one of them has ended.", {"Retry-After": "60"})


@contextmanager
def _ours(folder: Folder) -> Iterator[None]:
    """The folder's lock. Busy, without its path, if a command has it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder.locked())
        except UsageError:
            raise Busy("A command is working on this run: wait for its end.") from None
        yield
