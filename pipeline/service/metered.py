"""Metered: an engine whose calls are counted by how they ended. Knows what Prometheus counts; nothing of requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, Histogram

from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.wrapper import Wrapper
from models.errors import EngineUnavailable, ModelError
from models.grammar.grammar import Grammar

BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)


class EngineMetrics:
    """Calls of all engines of a service, and whether the last of them that ended was answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Histogram(
            "interlock_engine_call_seconds",
            "Calls of an engine, conversations' and runs', by how they ended",
            ["engine", "outcome"],
            registry=registry,
            buckets=BUCKETS,
        )
        self._up = Gauge(
            "interlock_engine_up", "Whether the last call that ended was answered", ["engine"], registry=registry
        )

    def ended(self, engine: str, outcome: str, seconds: float) -> None:
        """Count a call: "ok", "refused" (by the engine, for what was asked), "unavailable", "failed" or "cancelled"."""
        self._calls.labels(engine, outcome).observe(seconds)
        if outcome in ("ok", "refused", "unavailable"):
            self._up.labels(engine).set(outcome != "unavailable")


class Metered(Wrapper):
    """An engine whose calls are counted."""

    def __init__(self, inner: Engine, metrics: EngineMetrics) -> None:
        super().__init__(inner)
        self._metrics = metrics

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        began, outcome = time.perf_counter(), "failed"
        try:
            completion = await self.inner.generate(messages, grammar, sampling, max_tokens)
            outcome = "ok"
            return completion
        except EngineUnavailable:
            outcome = "unavailable"
            raise
        except ModelError:
            outcome = "refused"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._metrics.ended(self.name, outcome, time.perf_counter() - began)
