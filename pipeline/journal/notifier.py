"""Notifier: wakes whoever listens to a conversation when the writer has committed more of it.

Knows who waits; holds no event. A listener reads on in the journal from where it stands, so that it misses nothing and
is told nothing twice, and one that is slow or gone costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Notifier:
    """All listeners of one journal, in one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def listening(self, conversation: str) -> Iterator[asyncio.Event]:
        """What is set whenever there is more of the conversation, for the length of a block. Clear it, then read."""
        woken = asyncio.Event()
        self._listeners.setdefault(conversation, set()).add(woken)
        try:
            yield woken
        finally:
            left = self._listeners[conversation]
            left.discard(woken)
            if not left:
                del self._listeners[conversation]

    def wake(self, conversation: str) -> None:
        """There is more of a conversation."""
        for woken in self._listeners.get(conversation, ()):
            woken.set()

    def wake_all(self) -> None:
        """Whoever listens looks again, such as at whether to go on at all."""
        for conversation in self._listeners:
            self.wake(conversation)
