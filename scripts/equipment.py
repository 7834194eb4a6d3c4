"""What a command opens to serve an app: encoder, index and engines, here or in every worker of a Ray cluster. Serves
nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from index import Embedder, Index, NotAnIndex, Retriever, build_index
from models.engines.open_engine import check_model, open_engine
from pipeline import App, Equipment, Launch
from pipeline.runtime.telemetry import Telemetry
from scripts.console import tell


@asynccontextmanager
async def equipped(app: App, launch: Launch, home: Path) -> AsyncIterator[Equipment]:
    """Everything that an app needs, for the length of a block.

    An index that is named is only read; without one the app's own is kept in `home`, and built there the first time.
    Raises what opening an index or an engine raises.
    """
    for name in launch.models:
        await asyncio.to_thread(check_model, name, tell)
    async with AsyncExitStack() as stack:
        embedder, retriever = Embedder(), None
        if app.knowledge is not None or launch.index is not None:
            opened = stack.enter_context(await _opened(app, launch.index, home / "index", embedder))
            if opened.manifest.encoder != embedder.name:
                embedder = Embedder(opened.manifest.encoder)
            retriever = Retriever(opened, embedder)
        wording = app.wording().engines
        engines = [
            await stack.enter_async_context(
                open_engine(name, tell, launch.enforcement, launch.thinking, wording=wording)
            )
            for name in launch.models
        ]
        engine, second = [*engines, None, None][:2]
        telemetry = Telemetry.configured()
        if telemetry is not None:
            stack.push_async_callback(asyncio.to_thread, telemetry.close)
        yield Equipment(engine, second, embedder, retriever, telemetry)


async def _opened(app: App, index: str | None, own: Path, embedder: Embedder) -> Index:
    if index is not None:
        return await asyncio.to_thread(Index.open, Path(index))
    try:
        return await asyncio.to_thread(Index.open, own)
    except NotAnIndex:  # nothing there yet, or a first build was killed
        if app.knowledge is None:
            raise
        tell("Building the index…")
        return await asyncio.to_thread(build_index, [app.knowledge], own, embedder)
