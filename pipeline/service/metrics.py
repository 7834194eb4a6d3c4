"""Metrics: what Prometheus reads. Counts what passes by; what stands in the journal is counted when it is asked for."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.events import Event, RecordFinished, StepFinished
from pipeline.journal.journal import Journal
from pipeline.outcome import Status
from pipeline.service.cases import Standing
from pipeline.service.metered import EngineMetrics
from pipeline.service.run_readings import RunProgress
from pipeline.service.timeline import standing, tokens

BUCKETS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds: from a step in plain Python to a long answer of a large model."""
CONTENT_TYPE = CONTENT_TYPE_LATEST
PROBES = ("/healthz", "/readyz", "/metrics")
"""Routes that are asked by machines every few seconds: among people's requests they would hide a slow one."""


class Metrics:
    """Of one service; a registry of its own, so that two in one process do not add up."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.engine = EngineMetrics(self.registry)
        build = Info("interlock_build", "What is running", registry=self.registry)
        build.info({"version": version("interlock"), "python": platform.python_version()})
        self._requests = Counter(
            "interlock_requests_total", "Requests", ["method", "route", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "interlock_request_seconds",
            "To the answer's first byte, without probes",
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._turns = Counter("interlock_turns_total", "Turns that ended", ["status"], registry=self.registry)
        self._turn_seconds = Histogram(
            "interlock_turn_seconds", "Turns that ended", ["status"], registry=self.registry, buckets=BUCKETS
        )
        self._steps = Histogram(
            "interlock_step_seconds", "Steps that ran", ["step"], registry=self.registry, buckets=BUCKETS
        )
        self._failed = Counter("interlock_step_failures_total", "Steps that raised", ["step"], registry=self.registry)
        self._tokens = Counter("interlock_tokens_total", "Tokens", ["kind"], registry=self.registry)
        self._streams = Gauge("interlock_streams", "Event streams that are open", registry=self.registry)
        self._working = Gauge("interlock_turns_running", "Turns being worked on", registry=self.registry)
        self._conversations = Gauge("interlock_conversations", "Conversations", registry=self.registry)
        self._waiting = Gauge(
            "interlock_questions_waiting", "Questions of conversations without an answer", registry=self.registry
        )
        self._escalations = Gauge(
            "interlock_escalations", "Requests of conversations that are with a person", registry=self.registry
        )
        self._cases = Gauge(
            "interlock_desk_cases",
            "What waits on the desk, of conversations and runs",
            ["state"],
            registry=self.registry,
        )
        self._oldest = Gauge(
            "interlock_desk_oldest_case_seconds", "How long the oldest open case has waited", registry=self.registry
        )
        self._stops = Counter(
            "interlock_run_interruptions_total", "Times that runs stopped and were tried again", registry=self.registry
        )
        self._runs = Gauge("interlock_runs", "Uploaded runs", ["state"], registry=self.registry)
        self._records = Gauge(
            "interlock_run_records", "Records of runs that are not finished", ["progress"], registry=self.registry
        )
        self._counted: dict[str, float] = {}

    def listen(self, event: Event) -> None:
        """Count an event of the pipeline."""
        if isinstance(event, StepFinished):
            self._steps.labels(event.name).observe(event.seconds)
            if event.failed:
                self._failed.labels(event.name).inc()
        elif isinstance(event, RecordFinished):
            self._count_tokens(event.record)

    def turn_ended(self, status: Status, seconds: float) -> None:
        """Count a turn."""
        self._turns.labels(status).inc()
        self._turn_seconds.labels(status).observe(seconds)

    def run_interrupted(self) -> None:
        """Count a run that was stopped by what is not its own, such as a full disk."""
        self._stops.inc()

    def watch(self, streams: Callable[[], float], working: Callable[[], float]) -> None:
        """How many event streams are open, and turns under way, whenever somebody asks."""
        self._streams.set_function(streams)
        self._working.set_function(working)

    def text(self, runs: RunProgress, desk: Standing) -> bytes:
        """All of it, in Prometheus' text format."""
        now = standing(self._journal)
        self._conversations.set(now["conversations"])
        self._waiting.set(now["waiting"])
        self._escalations.set(now["escalated"])
        for state, count in desk.waits.items():
            self._cases.labels(state).set(count)
        self._oldest.set(0.0 if desk.since is None else max(0.0, time.time() - desk.since))
        self._runs.clear()
        for name, count in runs.states.items():
            self._runs.labels(name).set(count)
        self._records.labels("done").set(runs.done)
        self._records.labels("waiting").set(runs.waiting)
        return generate_latest(self.registry)

    def _count_tokens(self, record: str) -> None:
        # A record that goes on after a question ends more than once: only what is new since then.
        since, now = self._counted.pop(record, 0.0), time.time()
        prompt, completion = tokens(self._journal, record, since)
        self._tokens.labels("prompt").inc(prompt)
        self._tokens.labels("completion").inc(completion)
        self._counted[record] = now
        if len(self._counted) > 10_000:
            self._counted.pop(next(iter(self._counted)))

    def around(self, app: ASGIApp) -> ASGIApp:
        """An application whose requests are counted, by the route that served them."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = time.perf_counter()

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", "none")
                    if route not in PROBES:
                        self._request_seconds.observe(time.perf_counter() - started)
                    self._requests.labels(str(scope["method"])[:10], route, str(message["status"])).inc()
                await send(message)

            await app(scope, receive, watch)

        return counted
