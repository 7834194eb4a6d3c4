"""Where a benchmark ran: processor, memory, GPU with its clocks, versions. Reads files and asks nvidia-smi."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

from models.engines.vllm.address import is_local
from models.engines.watchdog import descendants

_QUERY = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.draw,temperature.gpu,memory.used,memory.total"

_PARALLEL = (*("--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp", "--data-parallel-size", "-dp"),)


class ServerFacts(TypedDict):
    """What is known of a server: its address where it ran already (None: it was started for this), the model's name
    there, and vLLM's version, None where it does not say."""

    url: str | None
    model: str
    vllm: str | None


def machine(servers: Mapping[str, ServerFacts]) -> dict[str, object]:
    """Names and versions that a figure has to be quoted with.

    vLLM's are what `servers` say; torch's and those of transformers are known where all of them were started here; the
    others are this process's. `of`: "client" where a server is on another machine: then its cards are not known.
    """
    here, started = on_this_machine(servers), not any(one["url"] for one in servers.values())
    versions = {name: one["vllm"] for name, one in servers.items()}
    same = len(set(versions.values())) < 2
    each = ", ".join(f"{version or 'unknown'} ({name})" for name, version in versions.items())
    return {
        "of": "client and servers" if here else "client",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": gpus() if here else None,
        "python": platform.python_version(),
        "vllm": next(iter(versions.values()), None) if same else each,
        **{name: _version(name) if started else None for name in ("torch", "transformers")},
        "llguidance": _version("llguidance"),
    }


def on_this_machine(servers: Mapping[str, ServerFacts]) -> bool:
    """Whether none of `servers` is behind another machine's address."""
    return all(one["url"] is None or is_local(one["url"]) for one in servers.values())


def gpus() -> list[dict[str, str]]:
    """Each GPU with its clocks, power and memory as nvidia-smi gives them this moment; empty without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={_QUERY}", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if asked.returncode != 0:
        return []
    return [
        dict(zip(_QUERY.split(","), map(str.strip, line.split(",")), strict=True)) for line in asked.stdout.splitlines()
    ]


def gpus_of(flags: Sequence[str]) -> int | None:
    """How many cards a vLLM server with `flags` uses; None without a card."""
    if not gpus():
        return None
    count, words = 1, [word for flag in flags for word in flag.split("=", 1)]
    for word, value in pairwise(words):
        if word in _PARALLEL and value.isdecimal():
            count *= int(value)
    return count


def peak_memory(pid: int) -> float:
    """GiB of main memory that a process and those below it have held at most, each for itself; 0 for one that ended."""
    found = 0
    for process in (pid, *descendants(pid)):
        with suppress(OSError):
            peak = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.M)
            found += int(peak[1]) if peak else 0
    return round(found / 2**20, 2)


def _cpu() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
