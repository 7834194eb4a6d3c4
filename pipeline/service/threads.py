"""Threads: which conversation a chat client's history belongs to. Such clients send all of it every time, and no id.

A message is kept under a key that is made from what its client said so far, so that the next request finds its
conversation by the history before it, also after a restart. Knows digests; serves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence

from pipeline.journal.queries import Queries
from pipeline.service.timeline import keys

PREFIX = "chat:"
MOST = 10_000
"""Histories remembered: a client that comes back after so many others begins a new conversation."""


class Threads:
    """Of one journal, of which it reads the latest chats once."""

    def __init__(self, journal: Queries) -> None:
        self._at: OrderedDict[str, str] = OrderedDict()  # conversation → the key that it stands at
        self._standing: dict[str, list[str]] = {}  # key → conversations that stand there, the latest last
        for conversation, key in keys(journal, PREFIX, MOST):
            self.moved(conversation, key)

    @staticmethod
    def key(owner: str, texts: Sequence[str]) -> str:
        """The key of a message after which a client has said all this."""
        digest = hashlib.sha256(json.dumps([owner, *texts]).encode()).hexdigest()
        return f"{PREFIX}{len(texts)}:{digest[:40]}"

    def standing_at(self, key: str) -> str | None:
        """The latest conversation whose last message has this key."""
        found = self._standing.get(key)
        return found[-1] if found else None

    def moved(self, conversation: str, key: str) -> None:
        """The conversation received the message of this key."""
        self._leave(conversation)
        self._at[conversation] = key
        self._standing.setdefault(key, []).append(conversation)
        if len(self._at) > MOST:
            self._leave(next(iter(self._at)))

    def _leave(self, conversation: str) -> None:
        was = self._at.pop(conversation, None)
        if was is not None:
            left = self._standing[was]
            left.remove(conversation)
            if not left:
                del self._standing[was]
