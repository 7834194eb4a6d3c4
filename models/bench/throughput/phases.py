"""Phases: where a vLLM engine's own thread spends its steps, from stacks that py-spy samples.

Knows how vLLM's engine core calls its parts. py-spy is a program of its own (`pip install py-spy`); it reads the memory
of a running process and slows it down by little.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

RATE = 200
"""Samples a second."""

_LOOP = "run_busy_loop"
_STEPS = ("step", "step_with_batch_queue")
_IDLE = "get"
"""The loop's queue, where the engine waits for a request."""
_WAITS = ("result", "wait", "synchronize", "get_output", "_to_list", "parse_output")
"""Functions of a step that wait for the device or for another thread; the last two copy what was sampled from it."""


def phases(stacks: str) -> dict[str, float]:
    """Phase → share of the time in which the engine had work, largest first, from py-spy's raw format.

    A phase is what a step calls: `schedule`, `execute_model`, `get_grammar_bitmask`, `sample_tokens`,
    `update_from_output`, …; "… (waits)" is the part of it in which nothing was computed here.
    """
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        names = [frame.split(" (", 1)[0].rsplit(".", 1)[-1] for frame in stack.split(";")]  # without class and place
        if _LOOP in names and (phase := _phase(names[names.index(_LOOP) + 1 :])):
            found[phase] += int(count)
    total = found.total()
    return {phase: round(count / total, 3) for phase, count in found.most_common()}


def _phase(names: list[str]) -> str:
    """Of the functions below the engine's loop, outermost first; "" where it has nothing to do."""
    step = next((place for place, name in enumerate(names) if name in _STEPS), None)
    if step is None:
        return "" if not names or _IDLE in names else names[min(1, len(names) - 1)]
    below = names[step + 1 :]
    if not below:
        return names[step]
    return f"{below[0]} (waits)" if any(name in _WAITS for name in below) else below[0]


def sampler() -> str | None:
    """The program that samples, None where it is not installed."""
    return shutil.which("py-spy")


@asynccontextmanager
async def sampled(engines: Mapping[str, int], folder: Path) -> AsyncIterator[dict[str, dict[str, float]]]:
    """Sample the engine of each server while the block lasts; afterwards the result holds its phases, by name.

    The stacks stay in `folder`. Empty where py-spy is not installed or may not read the processes.
    """
    found: dict[str, dict[str, float]] = {}
    program = sampler()
    running = {}
    if program is not None:
        for name, pid in engines.items():
            file = folder / f"{name}.stacks"
            command = [program, "record", "--nonblocking", "--idle", "--format=raw", f"--rate={RATE}", "--duration=600"]
            running[name] = await asyncio.create_subprocess_exec(
                *(*command, f"--output={file}", f"--pid={pid}"),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
    try:
        yield found
    finally:
        for name, process in running.items():
            if process.returncode is None:
                process.send_signal(2)  # as Ctrl-C: it writes what it has
            await process.wait()
            file = folder / f"{name}.stacks"
            if file.is_file():
                found[name] = phases(file.read_text(encoding="utf-8", errors="replace"))
