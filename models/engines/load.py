"""Load: how busy the servers behind an engine are. Knows vLLM's names for it; does not know how they are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from models.engines.engine import Engine
from models.engines.prometheus import totals

# vllm/v1/metrics/loggers.py. It also tells apart who waits for room ("capacity") from who waits for a grammar to be
# compiled ("deferred"), but a full server looks at neither, and leaves under "deferred" whoever came with a grammar.
RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"


@dataclass(frozen=True)
class Load:
    """Requests that `servers` servers decode now, and those that wait there to be decoded."""

    running: int
    waiting: int
    servers: int = 1

    def __add__(self, other: Load) -> Load:
        return Load(self.running + other.running, self.waiting + other.waiting, self.servers + other.servers)


@runtime_checkable
class Observable(Protocol):
    """An engine whose servers say how busy they are."""

    async def load(self) -> Load | None:
        """Their load now; None where they do not tell. Raises EngineUnavailable when no server answers."""


async def load_of(engine: Engine) -> Load | None:
    """The load of an engine's servers; None for an engine that has none. Raises EngineUnavailable."""
    return await engine.load() if isinstance(engine, Observable) else None


def read_load(metrics: str) -> Load | None:
    """The load in what a vLLM server says at /metrics (Prometheus' text format), over all engines in it; None if it
    is not there."""
    found = totals(metrics, (RUNNING, WAITING))
    return Load(int(found[RUNNING]), int(found[WAITING])) if len(found) == 2 else None
