"""Service: everything that the routes share, from the opening of the journal to its closing. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from models.background import Background
from models.engines.engine import Engine, stands_back
from pipeline.app import App
from pipeline.chat.dialogues import Dialogues
from pipeline.completions.trial import Trial
from pipeline.journal.journal import Journal
from pipeline.runtime.concurrency import START
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch
from pipeline.runtime.pipeline import Pipeline
from pipeline.runtime.session import Session
from pipeline.service.batches import KIND, Batches, kind_of
from pipeline.service.calls import Calls
from pipeline.service.cases import Cases
from pipeline.service.expiry import Expiry
from pipeline.service.file_store import FileStore
from pipeline.service.limits import Limits, Slots
from pipeline.service.metered import Metered
from pipeline.service.metrics import Metrics
from pipeline.service.people_first import PeopleFirst
from pipeline.service.probe import Probe
from pipeline.service.retention import Retention
from pipeline.service.run_kind import RunKind
from pipeline.service.run_passes import RUN
from pipeline.service.run_queue import RunQueue
from pipeline.service.threads import Threads
from pipeline.service.tokens import Tokens
from pipeline.service.webhook import Hook, Webhook


@dataclass
class Service:
    """One app, served from one folder. Make it with `serving`. `stopping` is set when the end begins."""

    app: App
    pipeline: Pipeline
    journal: Journal
    dialogues: Dialogues
    runs: RunQueue
    threads: Threads
    metrics: Metrics
    tokens: Tokens
    limits: Limits
    streams: Slots
    probe: Probe
    cases: Cases
    files: FileStore
    batches: Batches
    calls: Calls
    retriever: Any = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(
    app: App,
    out: Path,
    equipment: Equipment = Equipment(),
    launch: Launch = Launch(),
    *,
    tokens: Tokens | None = None,
    limits: Limits | None = None,
    today: date | None = None,
    accept_changes: bool = False,
    hook: Hook | None = None,
) -> AsyncIterator[Service]:
    """A service for the length of a block; what an earlier process left unfinished goes on in it.

    `today`: by default every message is of its own day. `hook`: who is told what waits for people.
    UsageError for a folder in use, or made with something else.
    """
    limits, tokens = limits or Limits(), tokens or Tokens()
    async with Session.open(app, out) as session:
        journal = session.journal
        metrics = Metrics(journal)
        equipment = replace(
            equipment,
            engine=equipment.engine and Metered(equipment.engine, metrics.engine),
            second=equipment.second and Metered(equipment.second, metrics.engine),
        )
        pipeline = await session.begin(
            equipment,
            launch,
            day=today or date.today(),
            accept_changes=accept_changes,
            listeners=[metrics.listen],
        )
        dialogues = Dialogues(
            pipeline,
            journal,
            lambda: today or date.today(),
            concurrency=limits.concurrency,
            ended=metrics.turn_ended,
        )
        streams = Slots(limits.streams)
        metrics.watch(lambda: streams.taken, lambda: dialogues.working)
        files, trial = FileStore(out / "files"), Trial()

        def behind(engine: Engine | None) -> Engine | None:
            return engine if engine is None or stands_back(engine) else PeopleFirst(engine, dialogues.resting)

        patient = replace(equipment, engine=behind(equipment.engine), second=behind(equipment.second))
        kinds = {
            # The launch's own concurrency is how many messages are served at a time.
            RUN: RunKind(app, patient, replace(launch, concurrency=START), lambda note: app.read),
            KIND: kind_of(patient, launch, files, trial),
        }
        background = Background(dialogues.resting, limits.run_share)
        runs = RunQueue(out / "runs", kinds, today, metrics.run_interrupted, background, limits.runs)
        service = Service(
            app,
            pipeline,
            journal,
            dialogues,
            runs,
            Threads(journal, dialogues.conversations),
            metrics,
            tokens,
            limits,
            streams,
            Probe(equipment.engine),
            Cases(app, journal, dialogues, runs),
            files,
            Batches(runs, files),
            Calls(limits, trial),
            equipment.retriever,
        )
        await dialogues.resume()
        files.sweep()
        runs.start()
        await service.cases.resume()
        keepers: set[asyncio.Task[None]] = set()
        if limits.retain_seconds is not None:
            keepers.add(asyncio.create_task(Retention(limits.retain_seconds, journal, dialogues, runs, files).keep()))
        if limits.expire_seconds is not None:
            keepers.add(asyncio.create_task(Expiry(limits.expire_seconds, dialogues, runs).keep()))
        if hook is not None:
            keepers.add(asyncio.create_task(Webhook(hook, journal, service.cases, runs).keep()))
        try:
            yield service
        finally:
            service.stopping.set()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            service.calls.close()
            await asyncio.gather(runs.close(limits.grace_seconds), dialogues.aclose(limits.grace_seconds))
