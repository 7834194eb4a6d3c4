"""Where a record's time goes: in the queue, reading the prompt, decoding, masks, other steps, and the pipeline itself.

Knows events, an engine's calls and a vLLM server's own clock.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from rich.table import Table

from models.bench.throughput.counters import Times
from models.bench.throughput.masks import mean_mask_seconds
from models.engines.engine import Engine
from models.engines.tokenizers import load_tokenizer
from pipeline.events import Event, RecordFinished, RecordStarted, StepFinished
from scripts.bench.recording_engine import Listening

WALKED = 32
"""Answers whose masks are measured again here."""


class Explanation:
    """Of one batch: `engine` is to serve it, `listen` to hear its events."""

    def __init__(self, engine: Engine) -> None:
        self.engine = Listening(engine)
        self._steps: dict[str, float] = defaultdict(float)
        self._started: dict[str, float] = {}
        self._walls: list[float] = []
        self._before = Times()

    def listen(self, event: Event) -> None:
        """What happens to the records, as it happens."""
        if isinstance(event, RecordStarted):
            self._started[event.record] = time.perf_counter()
        elif isinstance(event, RecordFinished):
            self._walls.append(time.perf_counter() - self._started.pop(event.record))
        elif isinstance(event, StepFinished):
            self._steps[event.name] += event.seconds

    async def begin(self) -> None:
        """Read the server's clock before the batch, if there is a server."""
        self._before = await self._clock()

    async def figures(self, tokenizer: str) -> dict[str, Any]:
        """Milliseconds a record: each part, and the whole. `tokenizer`: see `load_tokenizer`.

        queue, prefill and decode are the server's own; masks are estimated from some answers and are a part of decode;
        transport is what the calls took besides, our check of the answer included; pipeline is what no step accounts
        for: the journal, and waiting for the event loop.
        """
        server, calls = await self._clock() - self._before, self.engine.calls
        asked, stepped = sum(call.seconds for call in calls), sum(self._steps.values())
        answers = [(call.grammar.lark, call.completion.text) for call in calls if call.grammar]
        mask = mean_mask_seconds(answers[:WALKED], load_tokenizer(tokenizer))
        served = server.queue + server.prefill + server.decode
        seconds = {
            "queue": server.queue,
            "prefill": server.prefill,
            "decode": server.decode or asked,
            "masks": mask * sum(call.completion.usage.completion_tokens for call in calls),
            "transport": asked - served if served else 0.0,
            "other steps": stepped - asked,
            "pipeline": sum(self._walls) - stepped,
            "whole": sum(self._walls),
        }
        records = max(1, len(self._walls))
        return {
            "records": len(self._walls),
            "calls": len(calls),
            "ms": {name: round(1000 * each / records, 2) for name, each in seconds.items()},
            "steps_ms": {name: round(1000 * each / records, 2) for name, each in self._steps.items()},
        }

    async def _clock(self) -> Times:
        from models.engines.vllm.engine import VllmEngine  # takes seconds, and every command mounts this one

        engine = self.engine.inner
        return Times.read(await engine.metrics()) if isinstance(engine, VllmEngine) else Times()


def explained(found: dict[str, dict[str, Any]]) -> Table:
    """A row an engine, a column a part, in milliseconds a record."""
    table = Table(title="Where a record's time goes, ms a record (masks are a part of decode)")
    table.add_column("Engine")
    parts = next(iter(found.values()))["ms"]
    for part in parts:
        table.add_column(part, justify="right")
    for name, figures in found.items():
        table.add_row(name, *(f"{figures['ms'][part]:.1f}" for part in parts))
    return table
