"""What every test may use: a model with random weights, and a vLLM server that serves it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from processes import is_alive
from random_model import build_random_model

from models.engines.vllm.server import VllmServer
from models.engines.watchdog import descendants

# How fast an example is depends on what else the machine does; tests do not time anything.
settings.register_profile("interlock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("interlock")


def pytest_sessionstart() -> None:
    if os.environ.get("INTERLOCK_REQUIRE_VLLM") and importlib.util.find_spec("vllm") is None:
        pytest.exit("vLLM is not installed, and this run must not skip its tests: see `make test`.", returncode=1)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_random_model(tmp_path_factory.mktemp("random_model"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vllm_url(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of one real server for the whole session; afterwards nothing of it may be left."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    async with VllmServer.start(str(random_model), log=log) as server:
        processes = [server.pid, *descendants(server.pid)]
        yield server.url
    assert len(processes) >= 3
    assert not any(map(is_alive, processes))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def jump_server(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmServer]:
    """A real server for the same model with jump-forward on."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    log = tmp_path_factory.mktemp("vllm") / "jump.log"
    async with VllmServer.start(str(random_model), log=log, jump_forward=True) as server:
        yield server
