"""Equipment: what a command opens to serve an app: encoder, index and engines. Serves nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from index import Embedder, Index, NotAnIndex, Retriever, build_index
from models.engines.engine import Enforcement, Engine
from models.engines.open_engine import open_engine
from pipeline import App
from scripts.console import tell


@dataclass(frozen=True)
class Equipment:
    """`engines` in the order in which their models were named; `retriever` is None for an app without knowledge."""

    engines: Sequence[Engine]
    embedder: Embedder
    retriever: Retriever | None


@asynccontextmanager
async def equipped(
    app: App,
    models: Sequence[str],
    home: Path,
    index: Path | None = None,
    enforcement: Enforcement = "grammar",
    thinking: int | None = None,
) -> AsyncIterator[Equipment]:
    """Everything that an app needs, for the length of a block.

    An index that is named is only read; without one the app's own is kept in `home`, and built there the first time.
    Raises what opening an index or an engine raises.
    """
    async with AsyncExitStack() as stack:
        embedder, retriever = Embedder(), None
        if app.knowledge is not None or index is not None:
            opened = stack.enter_context(await _opened(app, index, home / "index", embedder))
            if opened.manifest.encoder != embedder.name:
                embedder = Embedder(opened.manifest.encoder)
            retriever = Retriever(opened, embedder)
        engines = [await stack.enter_async_context(open_engine(name, tell, enforcement, thinking)) for name in models]
        yield Equipment(engines, embedder, retriever)


async def _opened(app: App, index: Path | None, own: Path, embedder: Embedder) -> Index:
    if index is not None:
        return await asyncio.to_thread(Index.open, index)
    try:
        return await asyncio.to_thread(Index.open, own)
    except NotAnIndex:  # nothing there yet, or a first build was killed
        if app.knowledge is None:
            raise
        tell("Building the index…")
        return await asyncio.to_thread(build_index, [app.knowledge], own, embedder)
