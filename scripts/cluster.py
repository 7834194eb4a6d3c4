"""What `interlock run` opens to serve an app, here or in every worker of a Ray cluster, and the run over its shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pipeline import App, Requests, Summary, UsageError
from pipeline.batch.shards import refuse_shard
from pipeline.runtime.telemetry import Telemetry
from scripts.equipment import equipped


def check(ray: str, shards: int, models: list[str], out: Path) -> None:
    """Whether these options make sense together. UsageError."""
    refuse_shard(out)
    if bool(ray) != bool(shards):
        raise UsageError("--ray and --shards belong together: for example --ray local --shards 4.")
    for model in models:
        if ray and model.startswith("vllm:"):
            raise UsageError(
                f"'{model}' would start a server for every worker: start one on each machine, and give its address."
            )


@asynccontextmanager
async def opened(app: App, launch: Mapping[str, Any], home: Path) -> AsyncIterator[dict[str, Any]]:
    """What `run_batch` needs beside requests and a folder, for the length of a block; an index is kept in `home`."""
    models = [name for name in (launch["model"], launch["second"]) if name]
    index = None if launch["index"] is None else Path(launch["index"])
    async with equipped(app, models, home, index, launch["enforcement"], launch["thinking"]) as equipment:
        engine, second = [*equipment.engines, None][:2]
        telemetry = Telemetry.configured()
        yield {
            "engine": engine,
            "second": second,
            "embedder": equipment.embedder,
            "retriever": equipment.retriever,
            "concurrency": launch["concurrency"],
            "telemetry": telemetry,
            "mode": launch.get("gate", "cascade"),
        }
    if telemetry is not None:
        await asyncio.to_thread(telemetry.close)


async def sharded(app: App, asked: Requests | None, out: Path, launch: Mapping[str, Any], **options: Any) -> Summary:
    """Run a batch over the shards and the cluster that `launch` names. UsageError without Ray."""
    from pipeline.batch.cluster import run_shards  # Ray is an extra, and takes a second to import

    return await run_shards(
        app, asked, out, address=launch["ray"], number=launch["shards"], launch=launch, equip=opened, **options
    )
