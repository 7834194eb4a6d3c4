"""open_engine: from what a user writes to an engine that answers. Knows every engine; they do not know each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from models.engines.canary import prove
from models.engines.engine import Enforcement, Engine
from models.engines.model_folder import control_tokens, find_model_folder, weights_identity
from models.engines.pool import Pool
from models.engines.thinking import Thinking
from models.engines.vllm.address import root_of
from models.engines.vllm.server import VllmServer
from models.engines.wording import Wording
from models.errors import EngineError, EngineUnavailable, ModelNotFound, NotEnforced, PromptTooLong
from models.interfaces import EMBEDDED, SERVED, check_all

if TYPE_CHECKING:
    from models.engines.embedded import EmbeddedEngine
    from models.engines.vllm.engine import VllmEngine


@asynccontextmanager
async def open_engine(
    model: str,
    progress: Callable[[str], None] = lambda _: None,
    enforcement: Enforcement = "grammar",
    thinking: int | None = None,
    jump_forward: bool | None = None,
    wording: Wording = Wording(),
) -> AsyncIterator[Engine]:
    """An engine for the length of a block, proven by its canary before anything else is asked of it.

    `model`: what `find_model_folder` takes ("models/tiny", a folder, a GGUF file, a name) is loaded into this process;
    "http://…" is a vLLM server, and "http://…,http://…" are several that serve the same model: calls are spread over
    them, and fail over; "vllm:" and a folder, file or name starts such a server for the block. `progress` gets
    sentences for people.
    `enforcement`: what to do when the canary fails: "grammar" stops, "prompted" goes on without a guarantee, and
    `engine.enforcement` says so. `thinking`: tokens for a thought before each answer, 0 for none, None for as much as
    the model's profile says; `engine.profile.thinks` says what came of it. `jump_forward` of a server that is started
    here: None is on where vLLM's version was tested with it, and says so where it was not. `wording`: what is said to
    the model around what it is asked.

    Raises UnfitPackage, ModelNotFound, EngineUnavailable, NotEnforced or EngineError on entering the block; of several
    servers every one has to answer then.
    """
    addresses = _addresses(model)
    async with AsyncExitStack() as stack:
        engines: list[Engine] = []
        for address in addresses:
            try:
                engines.append(
                    await stack.enter_async_context(
                        _proven(address, progress, enforcement, thinking, jump_forward, wording)
                    )
                )
            except EngineError as error:
                others = ", ".join(other for other in addresses if other != address)
                if not others:
                    raise
                what = f"{address} cannot be used beside {others}: {error.what}"
                raise type(error)(what, error.hint) from error
        yield engines[0] if len(engines) == 1 else Pool(engines, addresses)


def check_model(model: str, progress: Callable[[str], None] = lambda _: None) -> None:
    """Look for what `open_engine` would open, before anything else that takes seconds is. Raises ModelNotFound."""
    for address in _addresses(model):
        if not address.startswith(("http://", "https://")):
            find_model_folder(address.removeprefix("vllm:"), progress)
        else:
            root_of(address)


@asynccontextmanager
async def _proven(
    model: str,
    progress: Callable[[str], None],
    enforcement: Enforcement,
    thinking: int | None,
    jump_forward: bool | None,
    wording: Wording,
) -> AsyncIterator[Engine]:
    """One engine, its canary, and what it is wrapped in."""
    async with _opened(model, progress, jump_forward) as engine:
        try:
            canary = engine.canary = await prove(engine)
        except (EngineUnavailable, ModelNotFound, PromptTooLong):
            raise  # which say enough
        except EngineError as error:  # asking in prompts would fail in the same way
            raise EngineError(f"The engine failed in its canary: {error.what}", error.hint) from error
        if not canary.passed and enforcement == "grammar":
            what = f"The engine does not enforce grammars: {canary.reason}"
            raise NotEnforced(what, f"{engine.mend} {NotEnforced.hint.replace('Give', 'Or give')}")
        budget = thinking if thinking is not None else engine.profile.thinking_budget * engine.profile.thinks
        # A profile says what the model would do; from here on it says what this engine does.
        engine.profile = replace(engine.profile, thinks=budget > 0)
        answers: Engine = engine
        words = wording.for_model(engine.profile)
        if not canary.passed:
            progress(f"Formats are asked for and checked, since the engine does not enforce grammars: {canary.reason}")

            from models.engines.prompted.prompted import Prompted

            answers = Prompted(engine, wording=words)
        yield Thinking(engine, budget, answers, words) if budget else answers


def _addresses(model: str) -> list[str]:
    """The parts of a comma-separated list of addresses. What is no address is left as it is: folders have commas."""
    if not model.startswith(("http://", "https://")) or "," not in model:
        return [model]
    addresses = [part for part in map(str.strip, model.split(",")) if part]
    roots = [address.rstrip("/").removesuffix("/v1") for address in addresses]
    for address, root in zip(addresses, roots, strict=True):
        if roots.count(root) > 1:
            raise ModelNotFound(f"{address} is given twice.", "Give the address of each server once.")
        if not root.startswith(("http://", "https://")):
            raise ModelNotFound(f"{address} is not an address.", "Between commas, write each as http://host:8000.")
    return addresses


def _opened(
    model: str, progress: Callable[[str], None], jump_forward: bool | None
) -> AbstractAsyncContextManager[EmbeddedEngine | VllmEngine]:
    if model.startswith(("http://", "https://")):
        return _served(model, progress)
    if model.startswith("vllm:"):
        return _started(model.removeprefix("vllm:"), progress, jump_forward)
    return _embedded(model, progress)


# The engines are imported where they are opened: torch and transformers take seconds, and a server needs neither here.


@asynccontextmanager
async def _embedded(model: str, progress: Callable[[str], None]) -> AsyncIterator[EmbeddedEngine]:
    folder = await asyncio.to_thread(find_model_folder, model, progress)
    await asyncio.to_thread(check_all, EMBEDDED, progress)  # before what may be missing is imported
    progress(f"Loading {model}…")

    from models.engines.embedded import EmbeddedEngine

    engine = await EmbeddedEngine.open(folder, model)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _served(
    url: str, progress: Callable[[str], None], weights: str = "", control: Sequence[str] = ()
) -> AsyncIterator[VllmEngine]:
    await asyncio.to_thread(check_all, SERVED, progress)

    from models.engines.vllm.engine import VllmEngine

    engine = await VllmEngine.open(url, weights, control)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _started(model: str, progress: Callable[[str], None], jump_forward: bool | None) -> AsyncIterator[VllmEngine]:
    async with VllmServer.start(model, progress, jump_forward=jump_forward) as server:
        weights = await asyncio.to_thread(weights_identity, server.folder)
        async with _served(server.url, progress, weights, control_tokens(server.folder)) as engine:
            engine.mend = "Report this with the server's version: it has the flags that it needs."
            yield engine
