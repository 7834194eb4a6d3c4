"""A real server is killed again and again during a batch."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipeline_world import TODAY, lines, write_requests
from soak import repeats, soak
from till import SHOP, SOLD

from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.jump_forward import serve_flags
from models.engines.vllm.server import launch_command, launch_environment
from pipeline import Equipment, Outcome, read_requests, run_batch

pytestmark = soak

RECORDS, KILLS = repeats(150, 1000), repeats(1, 5)


class Box:
    """A real vLLM server with jump-forward on one port, started and killed like a machine that loses power."""

    def __init__(self, model: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self._model, self._log = model, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = launch_command(str(self._model), self._model, self.url, serve_flags())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=launch_environment(), stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


async def up(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            await asyncio.sleep(0.5)


def outcomes(out: Path) -> dict[str, Any]:
    return {row["custom_id"]: (row["status"], row["message"]) for row in lines(out / "results.jsonl")}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_real_server_that_is_killed_costs_time_and_nothing_else(
    vllm_url: str, random_model: Path, tmp_path: Path
) -> None:
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(RECORDS)})

    async def batch(url: str, out: Path, finished: asyncio.Semaphore | None = None) -> None:
        engine = await VllmEngine.open(url)

        def count(outcome: Outcome) -> None:
            if finished is not None:
                finished.release()

        try:
            await run_batch(SHOP, read_requests(source), out, Equipment(engine), today=TODAY, on_outcome=count)
        finally:
            await engine.close()

    SOLD.clear()
    await batch(vllm_url, tmp_path / "calm")
    sold = Counter(SOLD)
    SOLD.clear()
    box, finished = Box(random_model, tmp_path / "wild.log"), asyncio.Semaphore(0)
    box.start()
    try:
        await up(box.url)
        wild = asyncio.create_task(batch(box.url, tmp_path / "wild", finished))
        for _kill in range(KILLS):
            for _ in range(RECORDS // (KILLS + 1)):
                await finished.acquire()
            box.kill()
            await asyncio.to_thread(box.start)
        await wild
    finally:
        box.kill()
    assert outcomes(tmp_path / "wild") == outcomes(tmp_path / "calm")
    assert {status for status, _ in outcomes(tmp_path / "wild").values()} == {"completed"}
    assert sold == SOLD == Counter(f"r{n}" for n in range(RECORDS))
