"""Headway: tells each step of what takes long, with the time that is left once there is something to go by.

Knows how much work a step is beside the others, in any unit; nothing of what is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.ages import in_words

Tell = Callable[[str], None]

WORTH = 20.0
"""Seconds below which what is left is not told."""


class Headway:
    """`work`: of all steps together. A step's work is done when the next one begins."""

    def __init__(self, tell: Tell, work: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._work, self._clock = tell, work, clock
        self._begun, self._started = 0.0, clock()

    def step(self, text: str, work: float = 1) -> None:
        """A step begins, and the one before it has ended."""
        left = 0.0
        if self._begun:
            left = (self._clock() - self._started) / self._begun * max(self._work - self._begun, 0)
        self._begun += work
        self._tell(f"{text} (about {_rounded(left)} left)…" if left >= WORTH else f"{text}…")


def silent(text: str) -> None:
    """A Tell that tells nobody."""
    del text


def _rounded(seconds: float) -> str:
    """In tens of seconds, from two minutes on in minutes."""
    return in_words(60.0 * round(seconds / 60) if seconds >= 120 else 10.0 * round(seconds / 10))
