"""Served: a real `interlock serve` process that can be killed and started again at the same address."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

INTERLOCK = Path(sys.executable).with_name("interlock")
TODAY = "2026-11-23"


class Served:
    """The travel app on the shipped model, from `folder` and an index. `url` is known once it was started.

    `tokens`: "role:token", parted by blanks.
    """

    def __init__(self, folder: Path, index: Path, tokens: str = "") -> None:
        self.folder = folder
        self.url = ""
        self.index = index
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", "INTERLOCK_TOKENS": tokens}
        self._process: Process | None = None
        self._errors = folder.with_suffix(".log")

    async def start(self) -> None:
        """Start it, at the address that it had before, and wait until it serves."""
        port = self.url.rpartition(":")[2] or "0"
        with self._errors.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(INTERLOCK, "serve", "-o", self.folder, "--index", self.index),
                *("--port", port, "--today", TODAY),
                stdout=PIPE,
                stderr=errors,
                env=self._environment,
            )
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, self._errors.read_text()
        self.url = json.loads(line)["url"]

    async def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        assert self._process is not None
        self._process.kill()
        await self._process.communicate()

    async def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()


async def build_index(knowledge: Path, out: Path) -> None:
    """Build an index with the command, as anybody would."""
    command = (INTERLOCK, "index", "build", knowledge, "-o", out)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
