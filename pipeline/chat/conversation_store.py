"""ConversationStore: what a journal holds of each conversation with a person, and how its messages get there.

A conversation is an ordered list of records "<conversation>:<n>" of one journal. Knows rows and which of them belong
together; runs nothing (dialogues.py).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from pipeline.chat.transcript import SPOKEN, Spoken, remembered, turns
from pipeline.errors import JournalError, UnknownConversation
from pipeline.events import Event, MessageReceived, Numbered, TurnFinished, restore_event
from pipeline.forms.memory import KEPT, Memory
from pipeline.journal.interventions import answered
from pipeline.journal.journal import Journal
from pipeline.journal.rows import RETRIEVE, ActionRow, StepRow
from pipeline.journal.statements import Sql, insert_event
from pipeline.journal.tables import ACTION_COLUMNS
from pipeline.record import Record, Turn

PAGE = 256
"""Most events that are read at once."""

_MARKS = ", ".join("?" for _ in SPOKEN)

_EARLIER = (
    "FROM records AS now JOIN records AS r ON r.conversation = now.conversation AND r.rowid < now.rowid"
    " JOIN {table} AS s ON s.record = r.id WHERE now.id = ?"
)


class ConversationStore:
    """The conversations of one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def open(self, owner: str) -> str:
        """A new conversation's id, which nobody can guess."""
        id = secrets.token_hex(16)
        await self._journal.write(("INSERT INTO conversations VALUES (?, ?, ?)", (id, owner, time.time())))
        return id

    def owner(self, id: str) -> str:
        """Who opened it. UnknownConversation if nobody did."""
        rows = self._journal.read("SELECT owner FROM conversations WHERE id = ?", (id,))
        if not rows:
            raise UnknownConversation(f"There is no conversation '{id[:64]}': check its id, or open a new one.")
        return str(rows[0][0])

    def of_owner(self, owner: str, most: int) -> list[dict[str, Any]]:
        """The conversations that somebody opened and said something in, the latest said first.

        Each has `id`, `text` (how it begins), `at` (Unix time of its last event), `status` and `intent` (of its last
        record).
        """
        rows = self._journal.read(
            "SELECT c.id, (SELECT text FROM messages WHERE conversation = c.id ORDER BY number LIMIT 1),"
            " (SELECT at FROM events WHERE conversation = c.id ORDER BY number DESC LIMIT 1) AS at,"
            " r.status, r.intent FROM conversations AS c"
            " LEFT JOIN records AS r ON r.rowid = (SELECT max(rowid) FROM records WHERE conversation = c.id)"
            " WHERE c.owner = ? AND at IS NOT NULL ORDER BY at DESC LIMIT ?",
            (owner, most),
        )
        return [
            {
                "id": id,
                "text": " ".join((text or "").split())[:120],
                "at": at,
                "status": status or "running",
                "intent": intent,
            }
            for id, text, at, status, intent in rows
        ]

    def latest(self) -> str:
        """The conversation that was opened last. UnknownConversation if none was."""
        rows = self._journal.read("SELECT id FROM conversations ORDER BY opened DESC LIMIT 1")
        if not rows:
            raise UnknownConversation("No conversation was held here yet: begin one without --continue.")
        return str(rows[0][0])

    def after(self, id: str, number: int) -> list[Numbered]:
        """The first events of a conversation with a greater number, at most `PAGE`."""
        rows = self._journal.read(
            "SELECT number, at, record, body FROM events WHERE conversation = ? AND number > ? ORDER BY number LIMIT ?",
            (id, number, PAGE),
        )
        return [Numbered(number, at, restore_event(record, json.loads(body))) for number, at, record, body in rows]

    def last_event(self, id: str) -> int:
        """The greatest number of its events, 0 if it has none."""
        rows = self._journal.read("SELECT max(number) FROM events WHERE conversation = ?", (id,))
        return int(rows[0][0] or 0)

    def turns(self, id: str) -> list[Spoken]:
        """What was said, in order."""
        rows = self._journal.read(
            "SELECT number, at, record, body FROM events WHERE conversation = ? AND json_extract(body, '$.event') IN"
            f" ({_MARKS}) ORDER BY number",
            (id, *SPOKEN),
        )
        return turns(Numbered(number, at, restore_event(record, json.loads(body))) for number, at, record, body in rows)

    def message(self, id: str, key: str) -> tuple[int, str, str] | None:
        """The event's number, the record and the text of the message that has a key."""
        rows = self._journal.read(
            "SELECT number, record, text FROM messages WHERE conversation = ? AND key = ?", (id, key)
        )
        return rows[0] if rows else None

    def records(self, id: str) -> list[tuple[str, str | None]]:
        """Id and status of its records, in order."""
        return self._journal.read("SELECT id, status FROM records WHERE conversation = ? ORDER BY rowid", (id,))

    def of(self, record: str) -> str | None:
        """The conversation that a record belongs to, if it does."""
        rows = self._journal.read("SELECT conversation FROM records WHERE id = ?", (record,))
        return rows[0][0] if rows else None

    def unfinished(self) -> list[tuple[str, Record]]:
        """Conversation and record, of all records on which work was begun and not finished, oldest first."""
        rows = self._journal.read(
            "SELECT conversation, id, input FROM records WHERE conversation IS NOT NULL AND status IS NULL"
            " ORDER BY rowid"
        )
        return [(conversation, Record.restore(id, input)) for conversation, id, input in rows]

    def restore(self, record: str) -> Record:
        """A record as it was begun."""
        known = self._journal.record(record)
        if known is None:
            raise JournalError(f"There is no record '{record}'.")
        return Record.restore(record, known[0])

    def memory(self, record: str) -> Memory:
        """What the records of its conversation before this one collected, did and found."""
        # Only what a memory is made of: steps carry prompts, and a conversation may be long.
        steps = self._journal.read(
            f"SELECT s.position, s.name, s.digest, s.occurrence, s.result {_EARLIER.format(table='steps')}"
            " AND s.result IS NOT NULL AND (s.name = ? OR s.name GLOB ?) ORDER BY r.rowid, s.started",
            (record, RETRIEVE, f"{KEPT} *"),
        )
        columns = ", ".join(f"s.{column}" for column in ACTION_COLUMNS.split(", "))
        actions = self._journal.read(
            f"SELECT {columns} {_EARLIER.format(table='actions')} AND s.state = 'committed' ORDER BY s.reserved",
            (record,),
        )
        memory = Memory.of(StepRow(*step) for step in steps)
        return replace(memory, done=tuple(ActionRow(*action) for action in actions))

    # Messages

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
