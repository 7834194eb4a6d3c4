"""Load: how requests arrive: so many at once, or so many a second, and how many of them are constrained.

Knows the clock's arithmetic only. Rate, burstiness and how they are drawn are those of `vllm bench serve`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf

import numpy as np


@dataclass(frozen=True)
class Load:
    """`concurrency`: requests under way at most, None without a limit. `rate`: arrivals a second; inf is all at once.

    `burstiness`: shape of the gamma distribution of the times between arrivals: 1 is a Poisson process, less comes in
    bursts, more is even. `mix`: the share of constrained requests among those of a variant that constrains.
    """

    concurrency: int | None = None
    rate: float = inf
    burstiness: float = 1.0
    mix: float = 1.0

    @property
    def is_open(self) -> bool:
        """Whether requests arrive by the clock, however many are under way."""
        return self.concurrency is None or not isinf(self.rate)

    def constrains(self, place: int) -> bool:
        """Whether request `place` is one of the constrained, which are spread evenly."""
        return int((place + 1) * self.mix + 1e-9) > int(place * self.mix + 1e-9)

    @property
    def named(self) -> dict[str, object]:
        """As the result file of `vllm bench serve` names it; `mix` is ours."""
        rate = "inf" if isinf(self.rate) else self.rate
        return {
            "max_concurrency": self.concurrency,
            "request_rate": rate,
            "burstiness": self.burstiness,
            "mix": self.mix,
        }

    def __str__(self) -> str:
        at_once = [] if self.concurrency is None else [f"{self.concurrency} at once"]
        rate = ["all at once" if isinf(self.rate) else f"{self.rate:g} a second"] if self.is_open else []
        mix = [] if self.mix == 1 else [f"{self.mix:.0%} constrained"]
        return ", ".join([*rate, *at_once, *mix])


def arrivals(count: int, load: Load, seed: int) -> list[float]:
    """Seconds from the start at which `count` requests are sent, ascending; the last one at count ÷ rate.

    Drawn and stretched as `vllm bench serve` does it, so that the mean rate is the one asked for.
    """
    if isinf(load.rate) or not count:
        return [0.0] * count
    scale = 1.0 / (load.rate * load.burstiness)
    times = np.cumsum(np.random.default_rng(seed).gamma(load.burstiness, scale, count))
    return [float(at) for at in times * (count / load.rate / times[-1])]
