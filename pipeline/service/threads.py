"""Threads: which conversation a chat client's history belongs to. Such clients send all of it every time, and no id.

A message is kept under a key that is made from everything its client said and was told so far, so that the next request
finds its conversation by the history before it, also after a restart. Many people may stand behind one key of the API
and begin with the same words: where a history could be of more than one conversation, it is of none, and a new one
begins. Knows digests and rows; serves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from models.grammar.grammar import normalise
from pipeline.chat.conversation_store import ConversationStore
from pipeline.events import Numbered, TurnFinished
from pipeline.journal.queries import Queries
from pipeline.record import Turn
from pipeline.service.completion import completed

PREFIX = "chat:"
MOST = 20
"""Conversations with the same words so far that are told apart by what they were told; of more, no history is sure."""
RETRIED_SECONDS = 900.0
"""After a message, in which a client that says that it tries again may mean it: more than its own patience."""


@dataclass(frozen=True)
class Place:
    """A message in a conversation: the number of its event, when it was received (Unix time), and its record."""

    conversation: str
    number: int
    at: float
    record: str


@dataclass(frozen=True)
class Found:
    """Where a history stands. `place`: the one message that it ends with, if it is certain; `like`: one of several."""

    place: Place | None = None
    like: Place | None = None


class Threads:
    """Of one journal."""

    def __init__(self, journal: Queries, conversations: ConversationStore) -> None:
        self._journal = journal
        self._conversations = conversations
        self._doubtful: set[str] = set()

    @staticmethod
    def key(owner: str, who: Sequence[str], turns: Sequence[Turn]) -> str:
        """The key of a message after which all this was said. `who`: what else its client tells of who speaks."""
        said = [[turn.role, _plain(turn.text)] for turn in turns]
        digest = hashlib.sha256(json.dumps([owner, *who, said]).encode()).hexdigest()
        return f"{PREFIX}{digest[:40]}"

    def stands(self, key: str, reply: str) -> Found:
        """Where a history stands that goes on from the message of this key with this reply."""
        places = self._places(key)
        if len(places) <= MOST:
            places = [place for place in places if _plain(self._reply(place)[0]) == _plain(reply)]
        if len(places) == 1 and places[0].conversation not in self._doubtful:
            return Found(places[0])
        return Found(like=places[-1] if places else None)

    def sent_before(self, key: str) -> Place | None:
        """The one message that has this key; None if there is none, or several."""
        places = self._places(key)
        return places[0] if len(places) == 1 else None

    def is_last(self, place: Place, key: str) -> bool:
        """Whether the last message of a place's conversation has this key."""
        rows = self._journal.read(
            "SELECT key FROM messages WHERE conversation = ? ORDER BY number DESC LIMIT 1", (place.conversation,)
        )
        return bool(rows) and rows[0][0] == key

    def doubt(self, conversation: str) -> None:
        """It may have been somebody else's message: no history is surely of this conversation from now on."""
        self._doubtful.add(conversation)

    def open_request(self, place: Place) -> list[str]:
        """What a customer said up to a message for a request that waits for an answer; nothing if it came to its end.

        A new conversation in the place of one of several has to know this, and must not begin anew what is done.
        """
        if self._reply(place)[1] != "needs_input":
            return []
        rows = self._journal.read(
            "SELECT text FROM messages WHERE conversation = ? AND record = ? AND number <= ? ORDER BY number",
            (place.conversation, place.record, place.number),
        )
        return [text for (text,) in rows]

    def _places(self, key: str) -> list[Place]:
        rows = self._journal.read(
            "SELECT m.conversation, m.number, e.at, m.record FROM messages AS m JOIN events AS e ON e.number = m.number"
            " WHERE m.key = ? ORDER BY m.number DESC LIMIT ?",
            (key, MOST + 1),
        )
        return [Place(*row) for row in reversed(rows)]

    def _reply(self, place: Place) -> tuple[str, str]:
        """What a client was told after a message, and the status of that turn."""
        events: list[Numbered] = []
        after = place.number - 1
        while page := self._conversations.after(place.conversation, after):
            for numbered in page:
                events.append(numbered)
                if isinstance(numbered.event, TurnFinished):
                    told = completed(self._journal, place.conversation, events)
                    return told.text, str(numbered.event.status)
            after = page[-1].id
        return "", "running"


def _plain(text: str) -> str:
    """A text as it survives a client that keeps it: without the ways in which blanks may be written."""
    return " ".join(normalise(text).split())
