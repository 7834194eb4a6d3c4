"""ConversationReadings: what a journal holds of each conversation with a person. Changes none (conversation_store.py).

A conversation is an ordered list of records "<conversation>:<n>" of one journal. Knows rows and which of them belong
together; runs nothing (dialogues.py).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pipeline.chat.transcript import SPOKEN, Spoken, turns
from pipeline.errors import JournalError, UnknownConversation
from pipeline.events import Numbered, restore_event
from pipeline.forms.memory import KEPT, Memory
from pipeline.journal.queries import Queries
from pipeline.journal.rows import RETRIEVE, ActionRow, StepRow
from pipeline.journal.tables import ACTION_COLUMNS
from pipeline.record import Record

PAGE = 256
"""Most events that are read at once."""

_MARKS = ", ".join("?" for _ in SPOKEN)

_EARLIER = (
    "FROM records AS now JOIN records AS r ON r.conversation = now.conversation AND r.rowid < now.rowid"
    " JOIN {table} AS s ON s.record = r.id WHERE now.id = ?"
)


class ConversationReadings:
    """The reading half of a `ConversationStore`, of the journal of one's own or of another one's connection."""

    def __init__(self, journal: Queries) -> None:
        self._journal = journal

    def owner(self, id: str) -> str:
        """Who opened it. UnknownConversation if nobody did."""
        rows = self._journal.read("SELECT owner FROM conversations WHERE id = ?", (id,))
        if not rows:
            raise UnknownConversation(f"There is no conversation '{id[:64]}': check its id, or open a new one.")
        return str(rows[0][0])

    def of_owner(self, owner: str, most: int, after: str | None = None) -> list[dict[str, Any]]:
        """The conversations that somebody opened and said something in, the latest said first; behind one of them.

        Each has `id`, `text` (how it begins), `at` (Unix time of its last event), `status` and `intent` (of its last
        record).
        """
        behind = "(SELECT at FROM events WHERE conversation = ?2 ORDER BY number DESC LIMIT 1), ?2"
        rows = self._journal.read(
            "SELECT c.id, (SELECT text FROM messages WHERE conversation = c.id ORDER BY number LIMIT 1),"
            " (SELECT at FROM events WHERE conversation = c.id ORDER BY number DESC LIMIT 1) AS at,"
            " r.status, r.intent FROM conversations AS c"
            " LEFT JOIN records AS r ON r.rowid = (SELECT max(rowid) FROM records WHERE conversation = c.id)"
            f" WHERE c.owner = ?1 AND at IS NOT NULL AND (?2 IS NULL OR (at, c.id) < ({behind}))"
            " ORDER BY at DESC, c.id DESC LIMIT ?3",
            (owner, after, most),
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

    def said(self, id: str) -> tuple[int, int]:
        """How many messages its customer wrote, and their characters."""
        ((number, characters),) = self._journal.read(
            "SELECT count(*), coalesce(sum(length(text)), 0) FROM messages WHERE conversation = ?", (id,)
        )
        return int(number), int(characters)

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
