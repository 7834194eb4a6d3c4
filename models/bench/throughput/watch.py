"""Watch: what works while rounds run: the GPU, each server's engine and front end, and this process.

Reads nvidia-smi and /proc five times a second, in a thread of its own. Knows nothing of rounds but their times.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from types import TracebackType

from models.engines.watchdog import descendants

PERIOD = 0.2
"""Seconds between two readings: nvidia-smi's share of busy time is itself one of the last 0.2 to 1 s."""
ENGINE = "VLLM::EngineCore"
"""How vLLM calls the process that schedules, fills masks and runs the model; what else it starts is its front end."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """One moment. `gpu`: share of time in which a kernel ran, `watts`: what the card draws, None without a card;
    `cpu`: seconds of processor time that each part has taken since it started."""

    at: float
    gpu: float | None
    watts: float | None
    cpu: Mapping[str, float]


class Watch:
    """Reads while its block lasts. `servers`: the process that each server was started as, by name.

    The parts are "client", and for each server "NAME engine" and "NAME front end".
    """

    def __init__(self, servers: Mapping[str, int]) -> None:
        self._parts = {"client": [os.getpid()]} | parts(servers)
        self._readings: list[Reading] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(timeout=5)

    def between(self, began: float, seconds: float) -> dict[str, float]:
        """Means over a time: gpu_busy (0 to 1), watts, and the cores that each part used; without what was not read.

        Empty where the time is too short for two readings.
        """
        found = [reading for reading in self._readings if began <= reading.at <= began + seconds]
        if len(found) < 2:
            return {}
        first, *_, last = found
        busy = [reading.gpu for reading in found[1:] if reading.gpu is not None]
        watts = [reading.watts for reading in found[1:] if reading.watts is not None]
        return {
            **({"gpu_busy": round(mean(busy), 3)} if busy else {}),
            **({"watts": round(mean(watts), 1)} if watts else {}),
            **{
                f"{part} cores": round((last.cpu[part] - first.cpu[part]) / (last.at - first.at), 2)
                for part in last.cpu
            },
        }

    def engines(self) -> dict[str, int]:
        """The process of each server's engine, by the server's name."""
        return {part.removesuffix(" engine"): pids[0] for part, pids in self._parts.items() if part.endswith(" engine")}

    def _read(self) -> None:
        program = shutil.which("nvidia-smi")
        if program is None:
            while not self._over.wait(PERIOD):
                self._keep(None, None)
            return
        command = [program, "--query-gpu=utilization.gpu,power.draw", "--format=csv,noheader,nounits"]
        ours, theirs = os.openpty()  # into a pipe it would write a block at a time, a minute late
        with (
            os.fdopen(ours, encoding="ascii", errors="replace") as lines,
            subprocess.Popen(
                [*command, f"--loop-ms={int(1000 * PERIOD)}"], stdout=theirs, stderr=subprocess.DEVNULL
            ) as running,
        ):
            os.close(theirs)
            with suppress(OSError):  # how a terminal says that its program has ended
                for line in lines:
                    if self._over.is_set():
                        break
                    busy, _, watts = line.partition(",")
                    self._keep(number / 100 if (number := _number(busy)) is not None else None, _number(watts))
            running.terminate()

    def _keep(self, gpu: float | None, watts: float | None) -> None:
        used = {part: sum(map(_cpu_seconds, pids)) for part, pids in self._parts.items()}
        self._readings.append(Reading(time.perf_counter(), gpu, watts, used))


def parts(servers: Mapping[str, int]) -> dict[str, list[int]]:
    """The processes of each server's engine and of its front end, as "NAME engine" and "NAME front end"."""
    found: dict[str, list[int]] = {}
    for name, started in servers.items():
        for pid in descendants(started):
            part = f"{name} engine" if _command(pid).startswith(ENGINE) else f"{name} front end"
            found.setdefault(part, []).append(pid)
    return found


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0].decode(errors="replace")
    return ""


def _cpu_seconds(pid: int) -> float:
    with suppress(OSError):  # it has ended
        user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / _TICKS
    return 0.0


def _number(text: str) -> float | None:
    with suppress(ValueError):  # "[N/A]" on some cards
        return float(text)
    return None
