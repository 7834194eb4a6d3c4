"""Where a benchmark ran: processor, memory, GPU with its clocks, versions. Reads files and asks nvidia-smi."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

from models.engines.watchdog import descendants
from models.interfaces import installed_vllm

_QUERY = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.draw,temperature.gpu,memory.used,memory.total"

_PARALLEL = (*("--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp", "--data-parallel-size", "-dp"),)


def machine() -> dict[str, object]:
    """Names and versions that a figure has to be quoted with."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": gpus(),
        "python": platform.python_version(),
        "vllm": installed_vllm(),
        **{name: _version(name) for name in ("torch", "llguidance", "transformers")},
    }


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
