"""RateSearch: the highest rate of arrivals at which a variant keeps the service level, found on a running server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isinf
from statistics import median
from typing import Any

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.forms import Form
from models.bench.throughput.load import Load
from models.bench.throughput.slo import Slo, highest_rate
from models.bench.throughput.variant import Variant


@dataclass(frozen=True)
class RateSearch:
    """`share`: of the requests that have to keep `slo`. `steps`: how often the interval of rates is halved."""

    slo: Slo
    share: float = 0.9
    steps: int = 5
    rounds: int = 1
    """At each rate."""

    async def run(
        self, arena: Arena, form: Form, variant: Variant, load: Load, requests: int, keep: Callable[[Round], None]
    ) -> dict[str, Any]:
        """The rate, in requests a second, and what was tried; each round of `requests` is handed to `keep`.

        `highest_request_rate`: "inf" where the level is kept with all sent at once, None where no rate kept it.
        """
        tried: list[dict[str, Any]] = []

        async def at(rate: float) -> list[Round]:
            found = [
                (await arena.round(form, replace(load, rate=rate), requests, [variant], streamed=True))[0]
                for _ in range(self.rounds)
            ]
            for one in found:
                keep(one)
            return found

        burst = await at(inf)
        capacity = median(len(one.answered) / one.seconds for one in burst)

        async def attained(rate: float) -> float:
            rounds = burst if isinf(rate) else await at(rate)
            share = self.slo.attainment([reply for one in rounds for reply in one.replies])
            tried.append({"request_rate": _named(rate), "slo_attainment": round(share, 4)})
            return share

        found = await highest_rate(attained, capacity, self.share, self.steps)
        return {
            "form": form.name,
            "variant": variant.name,
            **{name: value for name, value in load.named.items() if name != "request_rate"},
            "highest_request_rate": None if found is None else _named(found),
            "capacity": round(capacity, 3),
            "tried": tried,
        }


def _named(rate: float) -> float | str:
    return "inf" if isinf(rate) else round(rate, 3)
