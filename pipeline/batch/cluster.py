"""Cluster: a run's shards, served by Ray on this machine or on several. The only file that imports Ray.

Knows where workers are and that they may be lost; what a shard is is shards.py's business, what a worker does with it
worker.py's. All machines see the folder of results under the same path. A shard is served by one worker at a time; one
that dies is started again, wherever there is room, and goes on from the shard's journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from models.errors import EngineUnavailable
from pipeline.app import App
from pipeline.batch.requests import Requests
from pipeline.batch.shards import Shards
from pipeline.batch.summary import Summary
from pipeline.batch.worker import Equip, Job, Worker
from pipeline.errors import ClusterError, InterlockError, JournalError, UsageError
from pipeline.runtime.launch import Launch
from pipeline.runtime.manifest import Manifest

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported
try:
    import ray
    from ray.exceptions import RayActorError, RayTaskError
except ModuleNotFoundError as error:
    raise UsageError(
        f"Shards are served by Ray, of which {error.name} is missing: `pip install interlock[ray]`."
    ) from error

LOCAL = "local"
"""The address that starts Ray on this machine, for the length of the run."""
OBJECTS = 100_000_000
"""Bytes of Ray's object store here: nothing but progress goes through it. Ray's least is 78,643,200."""
RESTARTS = 20
"""How often a worker is started again: a record that kills it does so twice, then it is quarantined."""
PATIENCE = 5.0
"""Seconds for the head of a cluster to answer."""
PERIOD = 0.2
"""Seconds between two looks at a worker's progress."""


async def run_shards(
    app: App,
    requests: Requests | None,
    out: Path,
    launch: Launch,
    *,
    equip: Equip,
    today: date | None = None,
    retry: Collection[str] = (),
    expire: float | None = None,
    accept_changes: bool = False,
    stop: asyncio.Event | None = None,
    cpus: int | None = None,
    on_outcome: Callable[[str, str], None] = lambda id, status: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Summary:
    """As `run_batch`, with the records dealt to shards that workers of a Ray cluster serve side by side.

    `launch.ray`: "local", or the address of a cluster's head, "host:port". `launch.app` names the app as `load_app`
    reads it; `equip` is called in every worker and has to be importable there. `cpus`: of this machine, for "local";
    one worker runs on each at most. `on_outcome` gets ids and statuses; a few may be missing after a worker was lost.

    Raises UsageError with nothing changed; ClusterError, EngineUnavailable, JournalError and CancelledError leave every
    unfinished record to be continued.
    """
    shards = Shards(out, launch.shards)
    shards.make()
    out = shards.whole.path
    with shards.whole.locked(), _connected(launch.ray, cpus):
        day = today or shards.day() or date.today()
        job = Job(launch, equip, out, day, Path.cwd(), accept_changes, requests is not None)
        crew = _Crew(job, stop or asyncio.Event(), on_outcome, progress)
        started = time.perf_counter()
        try:
            first = crew.hire()
            manifest = replace(await _done(first.manifest.remote()), shards=launch.shards).agreed(
                out, today, accept_changes
            )
            await asyncio.to_thread(app.make_ready, out, day)
            manifest.write(out)
            if requests is not None:
                await shards.deal(requests)
            if retry:
                await shards.retry(retry)
            if expire is not None:
                await shards.expire(expire)
            before = (await shards.merge()).statuses.total()
            await crew.work(shards.left(requests is not None), manifest)
        except BaseException:
            await crew.dismiss()
            with suppress(OSError, InterlockError):  # the error in flight says more
                await shards.merge()
            raise
        await crew.dismiss()
        tally = await shards.merge()
        errors = requests.errors if requests is not None else 0
        finished = tally.statuses.total() - before
        return tally.summary(finished, errors, time.perf_counter() - started, crew.busy)


class _Crew:
    """The workers, as many as there is room for, and what each is doing. `busy`: the busiest one's engine seconds."""

    def __init__(
        self, job: Job, stop: asyncio.Event, on_outcome: Callable[[str, str], None], progress: Callable[[str], None]
    ) -> None:
        self.busy = 0.0
        self._job = job
        self._stop = stop
        self._on_outcome = on_outcome
        self._progress = progress
        self._waiting: deque[int] = deque()
        self._losses: list[InterlockError | EngineUnavailable] = []
        self._hired: list[Any] = []

    def hire(self) -> Any:
        """One more worker; on another machine than the others if there is a choice."""
        actor = ray.remote(Worker).options(
            num_cpus=1,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
            scheduling_strategy="SPREAD",
        )
        self._hired.append(actor.remote(self._job))
        return self._hired[-1]

    async def work(self, shards: list[int], manifest: Manifest) -> None:
        """Have the shards served. Raises what stopped the last worker that could have gone on."""
        self._waiting.extend(shards)
        room = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        while self._waiting and not self._stop.is_set():
            lost = len(self._losses)
            while len(self._hired) < min(room - lost, len(self._waiting)):
                self.hire()
            tasks = [asyncio.create_task(self._serve(worker, manifest)) for worker in [*self._hired]]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if len(self._losses) - lost == len(tasks):  # nobody had better luck
                raise self._losses[-1]

    async def _serve(self, worker: Any, manifest: Manifest) -> None:
        """Let a worker serve until nothing waits; it then leaves, as its place may be needed for a lost one."""
        busy, shard = 0.0, None
        try:
            same = replace(await _done(worker.manifest.remote()), shards=self._job.launch.shards, today=manifest.today)
            same.settle(self._job.out, None)
            while self._waiting and not self._stop.is_set():
                shard = self._waiting.popleft()
                busy += (await self._watched(worker, shard)).engine_seconds
                shard = None
        except (EngineUnavailable, JournalError, ClusterError) as error:  # another worker may have better luck
            self._losses.append(error)
            self._progress(f"A worker was given up: {error}")
            if shard is not None:
                self._waiting.append(shard)
        self.busy = max(self.busy, busy)
        await self._leave(worker)

    async def _watched(self, worker: Any, shard: int) -> Summary:
        serving: asyncio.Future[Summary] = asyncio.ensure_future(_done(worker.serve.remote(shard)))
        try:
            while not serving.done():
                await asyncio.wait([serving], timeout=PERIOD)
                await self._hear(worker)
            return await serving
        finally:
            serving.cancel()

    async def _hear(self, worker: Any) -> None:
        news = await _done(worker.news.remote(self._stop.is_set()))
        for id, status in news.finished:
            self._on_outcome(id, status)
        for text in news.told:
            self._progress(text)

    async def _leave(self, worker: Any) -> None:
        self._hired.remove(worker)
        with suppress(ClusterError, TimeoutError):
            await asyncio.wait_for(_done(worker.close.remote()), 10)
        ray.kill(worker)

    async def dismiss(self) -> None:
        """End every worker that is left, whatever it does."""
        for worker in self._hired:
            ray.kill(worker)
        self._hired.clear()


async def _done(reference: Any) -> Any:
    """What a remote call gave, or the error that it raised, without Ray's account of it."""
    try:
        return await reference
    except RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise
    except RayActorError as error:
        first = " ".join(str(error).split("\n")[0].split())
        raise ClusterError(
            f"A worker is lost for good ({first}): look at its machine; the same command goes on."
        ) from None


@contextmanager
def _connected(address: str, cpus: int | None) -> Iterator[None]:
    """Ray for the length of a block."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"num_cpus": cpus, "object_store_memory": OBJECTS, "include_dashboard": False}
    elif "://" in address:
        raise UsageError(f"'{address}' cannot be used: run this on a machine of the cluster, with --ray HOST:PORT.")
    try:
        if ":" in address:  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"Ray cannot be reached at '{address}' ({first}): `ray start --head` starts it there, and if it asks for a"
            " token, the same has to be known here."
        ) from error
    try:
        with redirect_stdout(sys.stderr):  # where Ray would tell of lost workers, among the results
            yield
    finally:
        ray.shutdown()
