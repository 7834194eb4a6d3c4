"""RunQueue: batches that were uploaded, each in a folder of its own, one after another on the service's engine.

A run is an `interlock run`: its folder can be gone on with, inspected and replayed by the same commands. What was under
way when the process ended goes on when the next one starts. Knows folders and their order; records are batch.py's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from pipeline.app import App
from pipeline.batch.batch import run_batch
from pipeline.batch.requests import read_requests
from pipeline.errors import InterlockError, JournalError, Unwritable, UsageError
from pipeline.files import is_full, replacing
from pipeline.runtime.concurrency import START
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.folder import Folder
from pipeline.runtime.launch import Launch
from pipeline.service.errors import ApiError
from pipeline.service.timeline import counts, reading

log = logging.getLogger("interlock.service")

NOTE = "run.json"
REQUESTS = "requests.jsonl"
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds after which a run that was interrupted is tried again; the last of them from then on."""
MOST_WAITING = 100
"""Runs that may wait for their turn."""


class RunQueue:
    """Those below one folder; `equipment`, `launch` and `today` as for `run_batch`."""

    def __init__(
        self,
        app: App,
        folder: Path,
        equipment: Equipment,
        launch: Launch,
        today: date | None,
        interrupted: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self._app = app
        self._equipment = equipment
        self._launch = replace(launch, concurrency=START)  # the service's own is how many messages it serves at a time
        self._today = today
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._interrupted = interrupted
        self._unwritten: dict[str, dict[str, Any]] = {}
        """What the disk did not take of a run's note."""

    def start(self) -> None:
        """Go on with what is unfinished, oldest first, and wait for more."""
        for folder in self.folder.glob("*"):
            if not (folder / NOTE).is_file() and not (folder / "out").exists():  # an upload that a kill cut off
                shutil.rmtree(folder, ignore_errors=True)
        for note in reversed(self.all()):
            if note["state"] in ("waiting", "running"):
                self._queue.put_nowait(note["id"])
        self._worker = asyncio.create_task(self._work())

    @property
    def alive(self) -> bool:
        """Whether somebody serves them."""
        return self._worker is not None and not self._worker.done()

    async def close(self, seconds: float) -> None:
        """Let the records under way come to their end, but no longer than this; the next start goes on from there."""
        self._stop.set()
        if self._worker is not None:
            await asyncio.wait((self._worker,), timeout=0.0 if self._idle else seconds)
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    def new(self) -> tuple[str, Path]:
        """A name for a run, and the file that its requests go to. ApiError when too many wait."""
        if self._queue.qsize() >= MOST_WAITING:
            raise ApiError(
                429, "overloaded", f"{MOST_WAITING} runs wait already.", "Come back later.", {"Retry-After": "60"}
            )
        id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        folder = self.folder / id
        folder.mkdir(parents=True)
        return id, folder / REQUESTS

    async def submit(self, id: str, by: str) -> dict[str, Any]:
        """Check the requests of a new run and put it last. UsageError for a file without any, which is taken away."""
        folder = self.folder / id
        try:
            requests = await asyncio.to_thread(read_requests, folder / REQUESTS, self._app.read)
        except UsageError as error:
            self.drop(id)
            why = str(error).replace(str(folder / REQUESTS), "The upload")
            raise ApiError(422, "invalid", why, "See the README on requests.") from None
        note = {"id": id, "created": time.time(), "by": by, "state": "waiting", "records": requests.records}
        try:
            self._note(id, {**note, "errors": requests.errors, "error": None, "summary": None}, kept=True)
        except OSError:
            self.drop(id)
            raise
        self._queue.put_nowait(id)
        return self.one(id)

    def drop(self, id: str) -> None:
        """Take away a run that was never begun."""
        (self.folder / id / REQUESTS).unlink(missing_ok=True)
        (self.folder / id).rmdir()

    def all(self) -> list[dict[str, Any]]:
        """The runs, newest first."""
        notes = [self._read(path) for path in self.folder.glob(f"*/{NOTE}")]
        return sorted((note for note in notes if note), key=lambda note: (note["created"], note["id"]), reverse=True)

    def one(self, id: str) -> dict[str, Any]:
        """A run with how many of its records have which status; none while that cannot be read. KeyError."""
        note = self._read(self._path(id) / NOTE)
        if note is None:
            raise KeyError(id)
        journal = self.journal(id)
        statuses: dict[str, int] = {}
        if journal is not None:
            with suppress(JournalError), reading(journal) as readings:
                statuses = counts(readings)
        return {**note, "statuses": statuses}

    def journal(self, id: str) -> Path | None:
        """The journal of a run; None before it has one. KeyError if there is no such run."""
        folder = self._path(id)
        if not (folder / NOTE).is_file():
            raise KeyError(id)
        path = Folder(folder / "out").journal
        return path if path.is_file() else None

    def _path(self, id: str) -> Path:
        if not id or not all(sign.isalnum() or sign == "-" for sign in id) or not id.isascii() or len(id) > 64:
            raise KeyError(id)
        return self.folder / id

    async def _work(self) -> None:
        while not self._stop.is_set():
            self._idle = True
            id = await self._queue.get()
            self._idle = False
            for pause in chain(PAUSES, repeat(PAUSES[-1])):
                try:
                    await self._run(id)
                    break
                except Exception as error:  # the disk, or a fault of ours: neither may end those behind it
                    log.error("Run %s was interrupted, and is tried again in %g s", id, pause, exc_info=error)
                    self._interrupted()
                    self._note(id, {"state": "waiting", "error": "It was interrupted, and goes on in a while."})
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._stop.wait()
                    if self._stop.is_set():
                        return

    _idle = True

    async def _run(self, id: str) -> None:
        folder = self.folder / id
        self._note(id, {"state": "running", "error": None})
        try:
            requests = await asyncio.to_thread(read_requests, folder / REQUESTS, self._app.read)
            summary = await run_batch(
                self._app,
                requests,
                folder / "out",
                self._equipment,
                self._launch,
                today=self._today,
                stop=self._stop,
            )
        except Unwritable:  # of the disk that all runs share, not of this one
            raise
        except InterlockError as error:
            self._note(id, {"state": "stopped", "error": str(error)})
        except Exception as error:
            if is_full(error):
                raise
            log.error("Run %s stopped", id, exc_info=error)
            self._note(id, {"state": "stopped", "error": "Something went wrong here; the server's log says what."})
        else:
            done = sum(summary.statuses.values()) >= requests.records
            self._note(id, {"state": "finished", "summary": summary.row()} if done else {"state": "waiting"})

    def _note(self, id: str, change: Mapping[str, Any], kept: bool = False) -> None:
        """Note what is new about a run. `kept`: on disk, or OSError; else what the disk does not take is remembered."""
        path = self.folder / id / NOTE
        noted = {**(self._read(path) or {}), **change}
        try:
            with replacing(path) as stream:
                json.dump(noted, stream)
        except OSError as error:
            if kept:
                raise
            log.error("The note of run %s cannot be written: %s", id, error)
            self._unwritten[id] = noted
        else:
            self._unwritten.pop(id, None)

    def _read(self, path: Path) -> dict[str, Any] | None:
        if (unwritten := self._unwritten.get(path.parent.name)) is not None:
            return unwritten
        try:
            note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note
