"""An engine that is killed and comes back costs time, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pipeline_world import TODAY, lines, write_requests
from till import SHOP, SOLD

from models.engines.vllm.engine import VllmEngine
from pipeline import Equipment, Launch, Outcome, read_requests, run_batch

ANSWERING = Path(__file__).parents[1] / "apps" / "answering.py"


def serve(port: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(ANSWERING), str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return server


async def test_five_kills_of_the_server_fail_no_record(tmp_path: Path) -> None:
    SOLD.clear()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    source = write_requests(tmp_path / "in.jsonl", {f"r{n}": "one lamp" for n in range(300)})
    server, finished, waited = serve(port), asyncio.Semaphore(0), list[str]()

    def count(outcome: Outcome) -> None:
        finished.release()

    engine = await VllmEngine.open(f"http://127.0.0.1:{port}")
    batch = asyncio.create_task(
        run_batch(
            SHOP,
            read_requests(source),
            tmp_path / "out",
            Equipment(engine),
            Launch(concurrency=8, wait=60.0),
            today=TODAY,
            on_outcome=count,
            progress=waited.append,
        )
    )
    try:
        for _ in range(5):
            for _ in range(40):
                await finished.acquire()
            server.kill()
            server.communicate()
            server = await asyncio.to_thread(serve, port)
        summary = await batch
    finally:
        batch.cancel()
        server.kill()
        server.communicate()
        await engine.close()
    assert summary.statuses["completed"] == 300
    assert {row["receipt"]["attempts"] for row in lines(tmp_path / "out" / "results.jsonl")} == {1}
    assert Counter(f"r{n}" for n in range(300)) == SOLD
    assert len(waited) >= 5
    assert all("does not answer" in text for text in waited)
