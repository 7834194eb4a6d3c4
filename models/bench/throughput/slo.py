"""Slo: the latencies that a request has to keep for it to count, and the highest rate at which enough requests do.

Knows replies and arithmetic; who measures a rate is handed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf

from models.bench.throughput.traffic import Reply
from models.errors import ModelNotFound

METRICS = ("ttft", "tpot", "e2el")
"""Those that `vllm bench serve --goodput` knows."""


@dataclass(frozen=True)
class Slo:
    """Milliseconds at most for each metric that is named: TTFT, TPOT and E2EL, by the names of METRICS."""

    limits: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, text: str) -> Slo:
        """From "ttft:500,tpot:30". Raises ModelNotFound for another metric, a metric twice, or no positive number."""
        limits: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition(":")
            try:
                limit = float(value)
            except ValueError:
                limit = 0.0
            if name not in METRICS or name in limits or not 0 < limit < inf:
                raise ModelNotFound(
                    f"'{part.strip()}' is no service level.",
                    f"Write --slo ttft:500,tpot:30, in milliseconds, each of {', '.join(METRICS)} once at most.",
                )
            limits[name] = limit
        return cls(tuple(limits.items()))

    def met(self, reply: Reply) -> bool:
        """Whether a streamed reply kept all limits; a reply of one token has a TPOT of 0, as vLLM counts it;
        one that failed kept none."""
        if reply.error:
            return False
        found = {"ttft": reply.ttft, "tpot": reply.tpot, "e2el": reply.seconds}
        return all((value := found[name]) is not None and 1000 * value <= limit for name, limit in self.limits)

    def attainment(self, replies: Sequence[Reply]) -> float:
        """The share of `replies` that kept it."""
        return sum(map(self.met, replies)) / len(replies)


async def highest_rate(
    attained: Callable[[float], Awaitable[float]], capacity: float, wanted: float, steps: int
) -> float | None:
    """The highest rate at which `attained(rate)` is at least `wanted`; inf where it holds with everything sent at once.

    `capacity`: requests a second that the server answers when they all come at once; no higher rate can last. Halves
    the interval below it `steps` times: the result is exact to capacity ÷ 2**steps. None: no rate that was tried held.
    """
    if await attained(inf) >= wanted:
        return inf
    low, high = 0.0, capacity
    for _ in range(steps):
        rate = (low + high) / 2
        if await attained(rate) >= wanted:
            low = rate
        else:
            high = rate
    return low or None
