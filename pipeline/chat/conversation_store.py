"""ConversationStore: how conversations with people, and their messages, get into a journal. Knows rows; runs nothing
(dialogues.py).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import date

from pipeline.chat.conversation_readings import ConversationReadings
from pipeline.chat.transcript import remembered
from pipeline.events import Event, MessageReceived, TurnFinished
from pipeline.journal.interventions import answered
from pipeline.journal.journal import Journal
from pipeline.journal.statements import Sql, insert_event
from pipeline.record import Record, Turn


class ConversationStore(ConversationReadings):
    """The conversations of one journal."""

    _journal: Journal

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)

    async def open(self, owner: str) -> str:
        """A new conversation's id, which nobody can guess."""
        id = secrets.token_hex(16)
        await self._journal.write(("INSERT INTO conversations VALUES (?, ?, ?)", (id, owner, time.time())))
        return id

    async def begin(self, id: str, text: str, key: str | None, today: date) -> tuple[int, Record]:
        """Receive a message that begins a request: the number of its event, and the record."""
        name = f"{id}:{len(self.records(id)) + 1}"
        record = Record(name, (*remembered(self.turns(id)), Turn("customer", text)))
        begun: Sql = (
            "INSERT INTO records (id, input, today, started, conversation) VALUES (?, ?, ?, ?, ?)",
            (name, record.input, today.isoformat(), time.time(), id),
        )
        return await self._receive(id, name, text, key, [begun]), record

    async def answer(self, id: str, record: str, text: str, key: str | None) -> tuple[int, Record]:
        """Receive a message that answers a record's question: the number of its event, and the record."""
        number = await self._receive(id, record, text, key, answered(self._journal, record, text))
        return number, self.restore(record)

    async def pass_on(self, id: str, record: str, text: str, key: str | None) -> int:
        """Receive a message for the operator who has taken a record: the number of its event."""
        return await self._receive(id, record, text, key, (), TurnFinished(record, "escalated"))

    async def _receive(
        self, id: str, record: str, text: str, key: str | None, statements: Sequence[Sql], *events: Event
    ) -> int:
        received = insert_event(MessageReceived(record, "customer", text, key), id)
        kept: Sql = ("INSERT INTO messages VALUES (last_insert_rowid(), ?, ?, ?, ?)", (id, record, text, key))
        told = [insert_event(event, id) for event in events]
        await self._journal.write(received, kept, *told, *statements, conversation=id)
        rows = self._journal.read("SELECT max(number) FROM messages WHERE conversation = ?", (id,))
        return int(rows[0][0])
