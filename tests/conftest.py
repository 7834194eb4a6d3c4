"""What every test may use: a model with random weights, and a vLLM server that serves it.

A run of the tests leaves no process behind: one that still lives at the end fails it, and if the run is killed, all
that it started is killed with it.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from guard import marked
from hypothesis import HealthCheck, settings
from processes import command_of, is_alive, survivors
from random_model import build_random_model
from sharing import Sharing, place
from soak import SOAK

from models.engines.embedded import EmbeddedEngine
from models.engines.open_engine import open_engine
from models.engines.profiles import VARIABLE
from models.engines.vllm.server import VllmServer
from models.engines.watchdog import descendants
from models.errors import NotFetched
from models.fetching.fetch import fetch

# How fast an example is depends on what else the machine does; tests do not time anything.
settings.register_profile("interlock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("interlock")


RUN = "INTERLOCK_TEST_RUN"
"""A variable by which every process that the tests start is known as theirs."""


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("INTERLOCK_REQUIRE_VLLM") and importlib.util.find_spec("vllm") is None:
        pytest.exit("vLLM is not installed, and this run must not skip its tests: see `make test`.", returncode=1)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would whatever the tests start and stop that way. We go on
        # ignoring it, with a handler: that is not inherited.
        signal.signal(signal.SIGINT, lambda *_: None)
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist is a process of the run like any other
        # Two processes whose threads spin while they wait slow each other down tenfold on two cores.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        return
    mark = str(uuid4())
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), f"{RUN}={mark}"]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.environ[RUN] = mark

    def end() -> None:
        del os.environ[RUN]
        guard.communicate()

    config.add_cleanup(end)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if SOAK and item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(3600))
    if hasattr(config, "workerinput"):
        items.sort(key=place)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    config.option.loadscopereorder = False  # by the number of tests
    return Sharing(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    yield  # to the end of everybody else, xdist's workers included
    if hasattr(session.config, "workerinput"):
        return
    ours = marked(f"{RUN}={os.environ[RUN]}")
    # multiprocessing's resource tracker and fork server read from a pipe of ours, and end with us.
    left = survivors([pid for pid in ours if "from multiprocessing." not in command_of(pid)], 10)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for pid in left if reporter is not None else ():
        reporter.write_line(f"\nA process was left behind: {pid}, {command_of(pid)}", red=True)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_random_model(tmp_path_factory.mktemp("random_model"))


@pytest.fixture(scope="session")
def smollm2() -> str:
    """The name of a real open model, which the first run fetches. Without a network the tests that want it are skipped,
    unless INTERLOCK_REQUIRE_MODEL is set."""
    try:
        fetch("smollm2", print)
    except NotFetched as error:
        if os.environ.get("INTERLOCK_REQUIRE_MODEL"):
            pytest.fail(f"This run must not skip the tests of a real model. {error}")
        pytest.skip(str(error))
    return "smollm2"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def exact_smollm2(smollm2: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedEngine]:
    """The same model in this process in float32, where a text is the model's alone, whoever is decoded beside it."""
    own = tmp_path_factory.mktemp("profiles") / "own.toml"
    own.write_text(f"[{smollm2}]\ndtype = 'float32'\n", encoding="utf-8")
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # other tests of the session open it as it is shipped
            patch.setenv(VARIABLE, str(own))
            engine = await stack.enter_async_context(open_engine(smollm2))
        assert isinstance(engine, EmbeddedEngine)
        assert engine.profile.dtype == "float32"
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vllm_url(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of one real server for the whole session; afterwards nothing of it may be left."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    async with VllmServer.start(str(random_model), log=log, flags=("--dtype", "float32")) as server:
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
    async with VllmServer.start(str(random_model), log=log, flags=("--dtype", "float32"), jump_forward=True) as server:
        yield server
