"""Worker: what one process of a cluster does. It opens what an app needs once, and serves one shard after another.

Knows one machine; neither the others nor how it is called (cluster.py).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.app import App, load_app
from pipeline.batch.batch import run_batch
from pipeline.batch.requests import read_requests
from pipeline.batch.shards import REQUESTS, Shards
from pipeline.batch.summary import Summary
from pipeline.errors import UsageError
from pipeline.outcome import Outcome
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch
from pipeline.runtime.manifest import Manifest, manifest_of

Equip = Callable[[App, Launch, Path], AbstractAsyncContextManager[Equipment]]
"""Opens what an app needs, as the launch says, keeping an index in the folder."""

LEASE = 120.0
"""Seconds to wait for a shard that a lost worker still holds: file servers free a lost machine's locks after 90."""


@dataclass(frozen=True)
class Job:
    """What every worker has to know. `here`: where relative names in `launch` count from."""

    launch: Launch
    equip: Equip
    out: Path
    day: date
    here: Path
    accept_changes: bool = False
    with_requests: bool = True


@dataclass(frozen=True)
class News:
    """What happened at a worker since somebody asked: (custom_id, status) of finished records, and sentences."""

    finished: list[tuple[str, str]]
    told: list[str]


class Worker:
    """One process of the cluster: opens what the app needs once, then serves one shard after another."""

    def __init__(self, job: Job) -> None:
        if job.here.is_dir():
            os.chdir(job.here)
        self._job = job
        self._stop = asyncio.Event()
        self._news = News([], [])
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._opened: tuple[App, Equipment] | None = None

    async def manifest(self) -> Manifest:
        """What this worker would make results with."""
        app, equipment = await self._open()
        return manifest_of(app, equipment, self._job.launch, self._job.day)

    async def serve(self, shard: int) -> Summary:
        """Serve what is left of a shard. Called again, here or elsewhere, it goes on."""
        app, equipment = await self._open()
        job = self._job
        folder = Shards(job.out, job.launch.shards).folders[shard]
        for _ in range(int(LEASE)):
            try:
                with folder.locked():
                    break
            except UsageError:  # the machine that was lost with its worker still holds it
                await asyncio.sleep(1)
        return await run_batch(
            app,
            await asyncio.to_thread(read_requests, folder.path / REQUESTS, app.read) if job.with_requests else None,
            folder.path,
            equipment,
            job.launch,
            today=job.day,
            state=job.out,
            accept_changes=job.accept_changes,
            stop=self._stop,
            on_outcome=self._count,
            progress=self._news.told.append,
        )

    async def news(self, stop: bool) -> News:
        """What happened since the last call. `stop`: begin no further record."""
        if stop:
            self._stop.set()
        news = News([*self._news.finished], [*self._news.told])
        self._news.finished.clear()
        self._news.told.clear()
        return news

    async def close(self) -> None:
        """Close what was opened."""
        await self._stack.aclose()

    async def _open(self) -> tuple[App, Equipment]:
        async with self._opening:
            if self._opened is None:
                app = load_app(self._job.launch.app)
                equipment = await self._stack.enter_async_context(self._job.equip(app, self._job.launch, self._job.out))
                self._opened = app, equipment
            return self._opened

    def _count(self, outcome: Outcome) -> None:
        self._news.finished.append((outcome.custom_id, outcome.status))
