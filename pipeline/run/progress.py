"""ProgressUpdates: what a run tells whoever waits, each once. Knows how many were told; not what they say."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.events import Event, Progress


class ProgressUpdates:
    """The updates of one record, those of workflows that it calls included.

    `told`: how many were told before the run was resumed; `spoken`: how many it has come to by now.
    """

    def __init__(self, record: str, tell: Callable[[Event], None], told: int = 0) -> None:
        self.spoken = 0
        self._record = record
        self._tell = tell
        self._told = told

    def say(self, text: str) -> None:
        """Tell it, unless it was told before the run was resumed."""
        self.spoken += 1
        if self.spoken > self._told:
            self._tell(Progress(self._record, text))
