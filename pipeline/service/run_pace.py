"""RunPace: how fast the records of runs come to their ends just now. Counts; knows no record."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

LAST = 200
"""Ends that count: the pace is that of the last ones, not of all since the begin."""


class RunPace:
    """Of those that are served, each by itself."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LAST))

    def count(self, run: str) -> None:
        """A record of a run came to its end."""
        self._ends[run].append(self._now())

    def forget(self, run: str) -> None:
        """A run is not served any more: when it is again, its pace begins anew."""
        self._ends.pop(run, None)

    def rate(self, run: str) -> float | None:
        """Records a second, up to now: it falls while nothing ends. None until two of this run did."""
        ends = list(self._ends.get(run, ()))
        if len(ends) < 2:
            return None
        return (len(ends) - 1) / max(self._now() - ends[0], 0.001)
