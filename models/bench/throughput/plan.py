"""Plan: which rounds a benchmark runs, in which order, and until when. Knows no server and no figures."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.forms import Form
from models.bench.throughput.load import Load
from models.bench.throughput.variant import Variant

OPEN_PROMPTS = 64
"""Requests of a round that arrive by the clock, unless it is said how many."""


@dataclass(frozen=True)
class Plan:
    """Every form under every load `repeat` times, `per_slot` requests for each that may be under way at once.

    `prompts`: requests of a round, whatever the load. `warmups`: requests of each form before anything is measured.
    """

    forms: Sequence[Form]
    variants: Sequence[Variant]
    loads: Sequence[Load] = (Load(1), Load(8), Load(32), Load(64))
    repeat: int = 3
    per_slot: int = 2
    least: int = 4
    """Requests of a round at least."""
    minutes: float = float("inf")
    prompts: int | None = None
    warmups: int = 4
    stream: bool = False
    """Every round is streamed, whatever the load."""

    @property
    def warm(self) -> int:
        """How often `warm_up` yields."""
        return len(self.forms)

    @property
    def steps(self) -> int:
        """How often `run` yields if nobody stops it."""
        more = sum(not self._streams(load) for load in self.loads)
        return (self.repeat * len(self.loads) + more) * len(self.forms) + self.warm

    def requests(self, load: Load) -> int:
        """How many requests a round under `load` has."""
        if self.prompts is not None:
            return self.prompts
        at_once = self.per_slot * load.concurrency if load.concurrency else 0
        return max(self.least, at_once, OPEN_PROMPTS if load.is_open else 0)

    async def warm_up(self, arena: Arena) -> AsyncIterator[list[Round]]:
        """Nothing for each form, once the servers have answered to it."""
        for form in self.forms:
            if self.warmups:
                await arena.round(form, Load(self.warmups), self.warmups, self.variants)
            yield []

    async def run(self, arena: Arena) -> AsyncIterator[list[Round]]:
        """What each step found: first nothing, while the servers warm up, then the rounds of one cell at a time.

        Requests that arrive by the clock are always streamed. For the others the second pass over all cells streams,
        for the latencies, and comes on top. Ends early when `minutes` are over.
        """
        end = time.monotonic() + 60 * self.minutes
        async for nothing in self.warm_up(arena):
            yield nothing
        for turn in range(self.repeat + 1):
            for load in self.loads:
                if self._streams(load) and turn == self.repeat:
                    continue
                for form in self.forms:
                    if time.monotonic() > end:
                        return
                    streamed = self._streams(load) or turn == 1
                    yield await arena.round(form, load, self.requests(load), self.variants, streamed)

    def _streams(self, load: Load) -> bool:
        return self.stream or load.is_open
