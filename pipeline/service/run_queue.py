"""RunQueue: batches that were uploaded, each in a folder of its own, one after another on the service's engine.

A run is an `interlock run`: its folder can be gone on with, inspected and replayed by the same commands. What was under
way when the process ended goes on when the next one starts. Knows folders and their order; records are batch.py's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from datetime import date
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from models.background import Background
from models.errors import EngineUnavailable
from pipeline.batch.batch import run_batch
from pipeline.batch.requests import Requests, read_requests
from pipeline.batch.summary import Summary
from pipeline.errors import Busy, InterlockError, JournalError, Unwritable, UsageError
from pipeline.files import is_full
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import Folder
from pipeline.service.errors import ApiError
from pipeline.service.run_kind import RunKind
from pipeline.service.run_readings import OPEN, RunReadings

log = logging.getLogger("interlock.service")

REQUESTS = "requests.jsonl"
RUN = "run"
"""The kind of a run whose note names none: one of the app."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds after which a run that was interrupted is tried again; the last of them from then on."""
MOST_WAITING = 100
"""Runs that may wait for their turn."""
GOES_ON = ("paused", "stopped")
"""States from which a run goes on when it is told to."""


class RunQueue(RunReadings):
    """Those below one folder; `kinds`: what runs of each kind are served with, `today` as for `run_batch`.
    `background`: what their work is of, None: nobody goes before them.
    """

    def __init__(
        self,
        folder: Path,
        kinds: Mapping[str, RunKind],
        today: date | None,
        interrupted: Callable[[], None] = lambda: None,
        background: Background | None = None,
    ) -> None:
        super().__init__(folder)
        self._kinds = kinds
        self._today = today
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._worker: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._served: dict[str, asyncio.Event] = {}
        """The run that is served, and what stops it."""
        self._changing = asyncio.Lock()
        """Held while a run begins or comes to its end, and while people's answers are written into one: an answer is
        then seen either by the pass that is under way, or by the next one."""
        self._interrupted = interrupted
        self._background = background
        self._idle = True

    def start(self) -> None:
        """Go on with what is unfinished, oldest first, and wait for more."""
        self.notes.sweep()
        for note in reversed(self.all()):
            if note["state"] in OPEN:
                self._put(note["id"])
        self._worker = asyncio.create_task(self._work())

    @property
    def alive(self) -> bool:
        """Whether somebody serves them."""
        return self._worker is not None and not self._worker.done()

    async def close(self, seconds: float) -> None:
        """Let the records under way come to their end, but no longer than this; the next start goes on from there."""
        self._stop.set()
        for stop in self._served.values():
            stop.set()
        if self._worker is not None:
            await asyncio.wait((self._worker,), timeout=0.0 if self._idle else seconds)
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    def new(self, id: str = "") -> tuple[str, Path]:
        """A name for a run, and the file that its requests go to. ApiError when too many wait."""
        if self._queue.qsize() >= MOST_WAITING:
            raise ApiError(
                429, "overloaded", f"{MOST_WAITING} runs wait already.", "Come back later.", {"Retry-After": "60"}
            )
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
            requests = await asyncio.to_thread(self._requests, note)
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
            change = {"error": None, "ended": None, "then": None if then in GOES_ON else then}
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

    def _put(self, id: str) -> None:
        if id not in self._queued:
            self._queued.add(id)
            self._queue.put_nowait(id)

    def drop(self, id: str) -> None:
        """Take away a run that was never begun."""
        shutil.rmtree(self.notes.path(id), ignore_errors=True)

    def _requests(self, note: Mapping[str, Any]) -> Requests:
        kind = self._kinds[note.get("kind", RUN)]
        return read_requests(self.notes.path(note["id"]) / REQUESTS, kind.reads(note))

    async def _work(self) -> None:
        while not self._stop.is_set():
            self._idle = True
            id = await self._queue.get()
            self._idle = False
            self._queued.discard(id)
            for pause in chain(PAUSES, repeat(PAUSES[-1])):
                try:
                    await self._run(id)
                    break
                except Exception as error:  # disk, engine, or a fault of ours: none may end those behind it
                    log.error("Run %s was interrupted, and is tried again in %g s", id, pause, exc_info=error)
                    self._interrupted()
                    with suppress(KeyError):
                        if self.notes.one(id)["state"] == "running":
                            self.notes.write(
                                id, {"state": "waiting", "error": "It was interrupted, and goes on in a while."}
                            )
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._stop.wait()
                    if self._stop.is_set():
                        return

    async def _run(self, id: str) -> None:
        stop = asyncio.Event()
        async with self._changing:  # from here on whoever pauses or deletes it stops it
            try:
                note = self.notes.one(id)
            except KeyError:  # deleted while it waited
                return
            left = note.get("expires", float("inf")) - time.time()
            if note["state"] == "deleting":
                await asyncio.to_thread(self.notes.remove, id)
            elif note["state"] == "pausing":
                self.notes.write(id, {"state": "paused"})
            elif note["state"] == "cancelling":
                await self._ended(id, "cancelled")
            elif note["state"] in ("waiting", "running") and left <= 0:
                await self._ended(id, "expired")
            elif note["state"] in ("waiting", "running"):
                self._served[id] = stop
                self.notes.write(id, {"state": "running", "error": None, "begun": note.get("begun") or time.time()})
            if id not in self._served:
                return
        kind = self._kinds[note.get("kind", RUN)]
        expiry = None if left == float("inf") else asyncio.get_running_loop().call_later(left, stop.set)
        requests: Requests | None = None
        try:
            if self._stop.is_set():
                return
            if note.get("then") is None:  # else people have answered, and only what was begun goes on
                requests = await asyncio.to_thread(self._requests, note)
            while True:
                with nullcontext() if self._background is None else self._background.work():
                    summary = await run_batch(
                        kind.app,
                        requests,
                        self.notes.path(id) / "out",
                        kind.equipment,
                        kind.launch,
                        today=self._today,
                        stop=stop,
                        on_outcome=lambda _: self.pace.count(id),
                    )
                async with self._changing:
                    done = self.one(id)["statuses"]
                    if stop.is_set() or not done.get("running"):
                        await self._passed(id, note, requests, summary)
                        del self._served[id]
                        break
                requests = None if sum(done.values()) >= note["records"] else requests
        except (Unwritable, EngineUnavailable):  # of the disk and the engine that all runs share, not of this one
            raise
        except InterlockError as error:
            await self._ended(id, "stopped", requests, error=str(error))
        except Exception as error:
            if is_full(error):
                raise
            log.error("Run %s stopped", id, exc_info=error)
            told = "Something went wrong here; the server's log says what."
            await self._ended(id, "stopped", requests, error=told)
        finally:
            self._served.pop(id, None)
            if expiry is not None:
                expiry.cancel()

    async def _passed(self, id: str, note: Mapping[str, Any], requests: Requests | None, summary: Summary) -> None:
        """Nothing of a run is under way any more: what has become of it."""
        now = self.notes.one(id)
        row, state, then = {**summary.row(), "errors": note["errors"]}, now["state"], now.get("then")
        self.notes.write(id, {"summary": row, "worked": now.get("worked", 0.0) + summary.seconds})
        if state == "deleting":
            await asyncio.to_thread(self.notes.remove, id)
        elif then is not None and not self._stop.is_set() and state == "running":
            self.notes.write(id, {"state": then, "then": None})
        elif sum(summary.statuses.values()) >= note["records"]:
            await self._ended(id, "finished", requests)
        elif state == "cancelling":
            await self._ended(id, "cancelled", requests)
        elif state == "pausing":
            self.notes.write(id, {"state": "paused"})
        elif time.time() >= note.get("expires", float("inf")):
            await self._ended(id, "expired", requests)
        else:  # the service ends, or it was resumed while it was being paused
            self.notes.write(id, {"state": "waiting"})
            if not self._stop.is_set():
                self._put(id)

    async def _ended(self, id: str, state: str, requests: Requests | None = None, **more: Any) -> None:
        """A run will not go on: make of its folder what its kind makes of it, then say so."""
        note = self.notes.one(id)
        if note["state"] == "deleting":
            await asyncio.to_thread(self.notes.remove, id)
            return
        made: Mapping[str, Any] = {}
        kind = self._kinds[note.get("kind", RUN)]
        if kind.ended is not None:
            try:
                read = await asyncio.to_thread(self._requests, note) if requests is None else requests
            except UsageError as error:  # its file is gone, and with it all that could be made
                more = {"error": str(error), **more}
            else:
                made = await asyncio.to_thread(kind.ended, note, read, self.notes.path(id) / "out")
        self.notes.write(id, {"state": state, "then": None, "ended": time.time(), **more, **made})


@contextmanager
def _ours(folder: Folder) -> Iterator[None]:
    """The folder's lock. Busy, without its path, if a command has it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder.locked())
        except UsageError:
            raise Busy("A command is working on this run: wait for its end.") from None
        yield
