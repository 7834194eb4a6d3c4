"""AskedTexts: whose texts are counted, how many, and for which contracts; and the server that writes them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from models.engines.dummy import LOAD_FLAGS, write_dummy
from models.engines.vllm.server import VllmServer
from scripts.console import tell

TEMPERATURES = (0.0, 1.0, 1.5)


@dataclass(frozen=True)
class AskedTexts:
    """`model`: vllm:FOLDER, an address, or "random"; `number`: of texts, spread over so many random `contracts`."""

    model: str
    number: int
    contracts: int
    concurrency: int
    seed: int

    @property
    def starts(self) -> bool:
        """Whether the model needs a server that is started here."""
        return self.model == "random" or self.model.startswith("vllm:")

    @asynccontextmanager
    async def serving(self, flags: Sequence[str] = (), jump_forward: bool | None = None) -> AsyncIterator[str]:
        """Start vLLM with the model, and more flags; its address. Untrained weights are written first."""
        with tempfile.TemporaryDirectory(prefix="interlock-random-") as folder:
            name = self.model.removeprefix("vllm:")
            if self.model == "random":
                name = str(await asyncio.to_thread(write_dummy, Path(folder), "small"))
                flags = (*LOAD_FLAGS, *flags)
            async with VllmServer.start(name, tell, flags=flags, jump_forward=jump_forward) as server:
                yield server.url
