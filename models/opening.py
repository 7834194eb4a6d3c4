"""open_engine: from what a user writes to an engine that answers. Knows every engine; they do not know each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from models.engine import Engine
from models.folder import find_model_folder, weights_identity
from models.server import VllmServer


def open_engine(model: str, progress: Callable[[str], None] = lambda _: None) -> AbstractAsyncContextManager[Engine]:
    """An engine for the length of a block.

    `model`: "models/tiny", a folder or a Hugging Face name is loaded into this process; "http://…" is a vLLM server;
    "vllm:" and a folder or name starts such a server for the block. `progress` gets sentences for people.

    Raises ModelNotFound, EngineUnavailable or EngineError on entering the block.
    """
    if model.startswith(("http://", "https://")):
        return _served(model)
    if model.startswith("vllm:"):
        return _started(model.removeprefix("vllm:"), progress)
    return _embedded(model, progress)


# The engines are imported where they are opened: torch and transformers take seconds, and a server needs neither here.


@asynccontextmanager
async def _embedded(model: str, progress: Callable[[str], None]) -> AsyncIterator[Engine]:
    folder = await asyncio.to_thread(find_model_folder, model, progress)
    progress(f"Loading {model}…")

    from models.embedded import EmbeddedEngine

    engine = await EmbeddedEngine.open(folder, model)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _served(url: str, weights: str = "") -> AsyncIterator[Engine]:
    from models.vllm import VllmEngine

    engine = await VllmEngine.open(url, weights)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _started(model: str, progress: Callable[[str], None]) -> AsyncIterator[Engine]:
    async with VllmServer.start(model, progress) as server:
        weights = await asyncio.to_thread(weights_identity, server.folder)
        async with _served(server.url, weights) as engine:
            yield engine
