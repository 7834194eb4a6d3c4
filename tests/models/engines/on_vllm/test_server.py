from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import is_alive, started, survivors

from models.engines import watchdog
from models.engines.engine import Message, Sampling
from models.engines.vllm import server
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.server import VllmServer
from models.engines.watchdog import descendants
from models.errors import EngineError, EngineUnavailable

ROOT = Path(__file__).parents[4]
WATCHDOG = [sys.executable, "-I", "-S", str(Path(watchdog.__file__))]
# A child, one that moved to a session of its own, and one that does not listen.
FAMILY = "sleep 1000 & setsid sleep 1000 & (trap '' TERM; while :; do sleep 1; done) & sleep 1000"
STARTER = """
import asyncio, sys
from models.engines.vllm.server import VllmServer

async def main():
    async with VllmServer.start(sys.argv[1]):
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def wait_for(pid: int, count: int, seconds: float = 10) -> list[int]:
    deadline = time.monotonic() + seconds
    while len(family := descendants(pid)) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(family) >= count
    return family


def test_the_watchdog_ends_everything_when_its_parent_is_gone() -> None:
    with started([*WATCHDOG, "sh", "-c", FAMILY], stdin=subprocess.PIPE) as dog:
        family = wait_for(dog.pid, 5)
        assert dog.stdin is not None
        dog.stdin.close()
        assert dog.wait(watchdog.GRACE + 5) == 1
        assert survivors(family, 1) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_watchdog_ends_everything_when_it_is_asked_to_end(number: signal.Signals) -> None:
    with started([*WATCHDOG, "sh", "-c", "setsid sleep 1000 & sleep 1000"], stdin=subprocess.PIPE) as dog:
        family = wait_for(dog.pid, 3)
        dog.send_signal(number)
        dog.wait(5)
        assert survivors(family, 1) == []


def test_the_watchdog_ends_with_its_command_and_leaves_nothing_behind() -> None:
    with started([*WATCHDOG, "sh", "-c", "sleep 1000 & sleep 0.5; exit 7"], stdin=subprocess.PIPE) as dog:
        family = wait_for(dog.pid, 2)
        assert dog.wait(5) == 7
        assert survivors(family, 1) == []


def test_the_command_does_not_outlive_a_killed_watchdog() -> None:
    with started([*WATCHDOG, "sleep", "1000"], stdin=subprocess.PIPE) as dog:
        family = wait_for(dog.pid, 1)
        dog.kill()
        dog.wait()
        assert survivors(family, 2) == []


# Four processes: the watchdog, the server, its resource tracker and its engine. The first two are there much earlier.
@pytest.mark.parametrize(("number", "processes"), [(signal.SIGKILL, 4), (signal.SIGTERM, 2), (signal.SIGINT, 2)])
def test_no_process_of_the_server_outlives_ours(random_model: Path, number: signal.Signals, processes: int) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    with started(
        [sys.executable, "-c", STARTER, str(random_model)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    ) as ours:
        family = wait_for(ours.pid, processes, seconds=120)
        ours.send_signal(number)
        ours.wait(watchdog.GRACE + 10)
        assert survivors(family, watchdog.GRACE + 10) == []


def test_on_cpus_the_engine_is_one_process_and_what_the_environment_says_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "_has_gpu", lambda: False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("VLLM_ENABLE_V1_MULTIPROCESSING", raising=False)
    command = server.launch_command("models/tiny", tmp_path, "http://127.0.0.1:8000", ["--seed", "1"])
    assert command[command.index("--distributed-executor-backend") + 1] == "uni"
    assert command[-2:] == ["--seed", "1"]
    environment = server.launch_environment()
    assert environment["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.setattr(server, "_has_gpu", lambda: True)
    assert "uni" not in server.launch_command("models/tiny", tmp_path, "http://127.0.0.1:8000", [])
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in server.launch_environment()


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(random_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    log = tmp_path / "server.log"
    with pytest.raises(EngineError, match="vLLM ended while it was starting") as caught:
        async with VllmServer.start(str(random_model), log=log, flags=["--no-such-flag"]):
            pass
    assert str(log) in str(caught.value)
    assert "--no-such-flag" in str(caught.value)


async def test_a_server_killed_while_it_answers_is_unavailable_and_leaves_nothing(random_model: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    said: list[str] = []
    async with VllmServer.start(str(random_model), said.append, flags=("--dtype", "float32")) as started:
        family = descendants(started.pid)
        engine = await VllmEngine.open(started.url)
        ask = [Message("user", "Tell me everything about Bali.")]
        calls = [
            asyncio.create_task(engine.generate(ask, None, Sampling(1.0, seed=n), max_tokens=900)) for n in range(8)
        ]
        await asyncio.sleep(0.3)
        waiting = [call for call in calls if not call.done()]
        assert waiting
        os.kill(family[0], signal.SIGKILL)  # the server process itself, child of the watchdog
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * len(waiting)
        with pytest.raises(EngineUnavailable, match="does not answer"):
            await engine.generate(ask, None, Sampling(), max_tokens=5)
        await engine.close()
    assert not any(is_alive(pid) for pid in [started.pid, *family])
    assert said[0].startswith(f"Starting vLLM for {random_model}")
    assert started.url in said[-1]
