"""Plan: which rounds a benchmark runs, in which order, and until when. Knows no server and no figures."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.forms import Form
from models.bench.throughput.variant import Variant


@dataclass(frozen=True)
class Plan:
    """Every form at every concurrency `repeat` times, `per_slot` requests for each that may be under way at once."""

    forms: Sequence[Form]
    variants: Sequence[Variant]
    concurrency: Sequence[int] = (1, 8, 32, 64)
    repeat: int = 3
    per_slot: int = 2
    least: int = 4
    """Requests of a round at least."""
    minutes: float = float("inf")

    @property
    def steps(self) -> int:
        """How often `run` yields if nobody stops it."""
        return (self.repeat + 1) * len(self.concurrency) * len(self.forms) + len(self.forms)

    async def run(self, arena: Arena) -> AsyncIterator[list[Round]]:
        """What each step found: first nothing, while the servers warm up, then the rounds of one cell at a time.

        The second pass over all cells streams, for the latencies. Ends early when `minutes` are over.
        """
        end = time.monotonic() + 60 * self.minutes
        for form in self.forms:
            await arena.round(form, self.least, self.least, self.variants)
            yield []
        for turn in range(self.repeat + 1):
            for concurrency in self.concurrency:
                for form in self.forms:
                    if time.monotonic() > end:
                        return
                    requests = max(self.least, self.per_slot * concurrency)
                    yield await arena.round(form, concurrency, requests, self.variants, streamed=turn == 1)
