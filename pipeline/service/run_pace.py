"""RunPace: how fast the records of a run come to their ends just now. Counts; knows no record."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

LAST = 200
"""Ends that count: the pace is that of the last ones, not of all since the begin."""


class RunPace:
    """Of one run at a time: counting another one's begins anew."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._run = ""
        self._ends: deque[float] = deque(maxlen=LAST)

    def count(self, run: str) -> None:
        """A record of a run came to its end."""
        if run != self._run:
            self._run, self._ends = run, deque(maxlen=LAST)
        self._ends.append(self._now())

    def rate(self, run: str) -> float | None:
        """Records a second, up to now: it falls while nothing ends. None until two of this run did."""
        ends = list(self._ends)
        if run != self._run or len(ends) < 2:
            return None
        return (len(ends) - 1) / max(self._now() - ends[0], 0.001)
