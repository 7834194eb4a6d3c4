"""RunPasses: one run of a queue, served until it comes to its end or is stopped, and what becomes of it then.

Knows the states of a run and how one follows the other; does not know whose turn it is, nor what people may ask for
(run_queue.py). Records are batch.py's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import date
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from models.background import Background
from models.errors import EngineUnavailable
from pipeline.batch.batch import run_batch
from pipeline.batch.requests import Requests, read_requests
from pipeline.batch.summary import Summary
from pipeline.errors import InterlockError, Unwritable, UsageError
from pipeline.files import is_full
from pipeline.service.run_kind import RunKind
from pipeline.service.run_readings import RunReadings
from pipeline.service.run_turns import RunTurns

log = logging.getLogger("interlock.service")

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds after which a run that was interrupted is tried again; the last of them from then on."""
REQUESTS = "requests.jsonl"
RUN = "run"
"""The kind of a run whose note names none: one of the app."""


_READERS = ThreadPoolExecutor(2, "requests")
"""A large file takes a while, and so does each format in it that has to be tried: nobody else waits for that."""


class RunPasses(RunReadings):
    """The serving half of a `RunQueue`: see there."""

    def __init__(
        self,
        folder: Path,
        kinds: Mapping[str, RunKind],
        today: date | None,
        interrupted: Callable[[], None],
        background: Background | None,
        most: int,
    ) -> None:
        super().__init__(folder)
        self._interrupted = interrupted
        self._turns = RunTurns(most, self._serve, self._give_way)
        self._kinds = kinds
        self._today = today
        self._background = background
        self._stop = asyncio.Event()
        self._served: dict[str, asyncio.Event] = {}
        """The runs that are served, and what stops each."""
        self._changing = asyncio.Lock()
        """Held while a run begins or comes to its end, and while people's answers are written into one: an answer is
        then seen either by the pass that is under way, or by the next one."""

    def _put(self, id: str) -> None:
        """Have a run wait for its turn."""
        self._turns.put(id, self.notes.one(id).get("by", ""))

    def _give_way(self, id: str) -> bool:
        """Begin no further record of a run that is served, and have it wait again; not of one that is about to end."""
        if id not in self._served or self.notes.one(id).get("then") is not None:
            return False
        self._served[id].set()
        return True

    async def _read(self, note: Mapping[str, Any]) -> Requests:
        """The requests of a run. UsageError for a file without any."""
        return await asyncio.get_running_loop().run_in_executor(_READERS, self._requests, note)

    def _requests(self, note: Mapping[str, Any]) -> Requests:
        kind = self._kinds[note.get("kind", RUN)]
        return read_requests(self.notes.path(note["id"]) / REQUESTS, kind.reads(note))

    async def _serve(self, id: str) -> None:
        """Serve a run, again and again while something that all runs share is away."""
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
        """Serve a run until it comes to its end or is stopped; nothing if it does not wait for that."""
        stop = asyncio.Event()
        async with self._changing:  # from here on whoever pauses or deletes it stops it
            if id in self._served:  # resumed while it is being paused: whoever serves it puts it in again
                return
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
                requests = await self._read(note)
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
            if is_full(error):
                raise
            await self._ended(id, "stopped", requests, error=str(error))
        except Exception as error:
            if is_full(error):
                raise
            log.error("Run %s stopped", id, exc_info=error)
            told = "Something went wrong here; the server's log says what."
            await self._ended(id, "stopped", requests, error=told)
        finally:
            self._served.pop(id, None)
            self.pace.forget(id)
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
        else:  # the service ends, it was resumed while it was being paused, or another one's turn has come
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
                read = await self._read(note) if requests is None else requests
            except UsageError as error:  # its file is gone, and with it all that could be made
                more = {"error": str(error), **more}
            else:
                made = await asyncio.to_thread(kind.ended, note, read, self.notes.path(id) / "out")
        self.notes.write(id, {"state": state, "then": None, "ended": time.time(), **more, **made})
