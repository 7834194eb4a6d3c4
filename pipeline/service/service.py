"""Service: everything that the routes share, from the opening of the journal to its closing. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.app import App
from pipeline.batch.folder import Folder
from pipeline.chat.dialogues import Dialogues
from pipeline.journal.journal import Journal
from pipeline.runtime.manifest import index_identity, manifest_of
from pipeline.runtime.pipeline import Pipeline
from pipeline.service.limits import Limits, Slots
from pipeline.service.metrics import Metrics
from pipeline.service.probe import Probe
from pipeline.service.run_queue import RunQueue
from pipeline.service.threads import Threads
from pipeline.service.tokens import Tokens


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
    retriever: Any = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(
    app: App,
    out: Path,
    equipment: Mapping[str, Any],
    *,
    tokens: Tokens | None = None,
    limits: Limits | None = None,
    today: date | None = None,
    seed: int = 0,
    accept_changes: bool = False,
    launch: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> AsyncIterator[Service]:
    """A service for the length of a block; what an earlier process left unfinished goes on in it.

    `equipment`: engine, second, embedder, retriever and mode, as `run_batch` takes them. `today`: by default every
    message is of its own day. `options` go to `Pipeline.open`. UsageError for a folder in use, or made with something
    else.
    """
    limits, tokens = limits or Limits(), tokens or Tokens()
    folder = Folder(out)
    await asyncio.to_thread(folder.make)
    given: dict[str, Any] = {name: equipment.get(name) for name in ("engine", "second", "embedder", "retriever")}
    given["mode"] = equipment.get("mode", "cascade")
    with folder.locked():
        retriever = given["retriever"]
        index = None if retriever is None else index_identity(retriever)
        manifest = manifest_of(app, given["engine"], given["second"], index, None, seed, launch)
        manifest = manifest.settle(out, None, accept_changes)
        async with Journal.open(folder.journal) as journal:
            metrics = Metrics(journal)
            pipeline = await Pipeline.open(
                app,
                journal,
                out,
                today or date.today(),
                **given,
                seed=seed,
                listeners=[metrics.listen],
                **(options or {}),
            )
            await journal.begin_run(asdict(manifest))
            dialogues = Dialogues(
                pipeline,
                journal,
                lambda: today or date.today(),
                concurrency=limits.concurrency,
                ended=metrics.turn_ended,
            )
            streams = Slots(limits.streams)
            metrics.watch(lambda: streams.taken, lambda: dialogues.working)
            runs = RunQueue(app, out / "runs", {**given, "seed": seed, "today": today, "launch": launch})
            service = Service(
                app,
                pipeline,
                journal,
                dialogues,
                runs,
                Threads(journal),
                metrics,
                tokens,
                limits,
                streams,
                Probe(given["engine"]),
                retriever,
            )
            await dialogues.resume()
            runs.start()
            try:
                yield service
            finally:
                service.stopping.set()
                await asyncio.gather(runs.close(limits.grace_seconds), dialogues.aclose(limits.grace_seconds))
                journal.end_run()
