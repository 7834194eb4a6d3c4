"""Desk: the records that were handed over to a person, and what operators do about them. Knows rows of a journal."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Literal

from pipeline.chat.transcript import Handed
from pipeline.errors import Busy, UnknownConversation, UsageError
from pipeline.events import Event, OperatorJoined, OperatorLeft, OperatorSaid
from pipeline.journal.interventions import resolved
from pipeline.journal.journal import Journal
from pipeline.journal.statements import Sql, insert_event

CLOSED = "An operator has closed this."

_HANDED = (
    "SELECT r.id, r.conversation, r.outcome, r.intent, r.finished, d.state, d.operator FROM records AS r"
    " LEFT JOIN desk AS d ON d.record = r.id"
)


class Desk:
    """The escalations of one journal, of batches and of conversations alike."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = asyncio.Lock()  # what an operator may do is read before it is written

    def handed(self, state: Literal["open", "taken", "closed"] | None = None) -> list[Handed]:
        """All escalations, or those in one state, oldest first."""
        rows = self._journal.read(
            f"{_HANDED} WHERE r.status = 'escalated' UNION ALL {_HANDED.replace('LEFT JOIN', 'JOIN')}"
            " WHERE d.state = 'closed' AND r.status IS NOT 'escalated' ORDER BY 5"
        )
        handed = [_handed(*row) for row in rows]
        return [one for one in handed if state in (None, one.state)]

    def one(self, record: str) -> Handed:
        """The escalation of a record. UnknownConversation if it has none."""
        rows = self._journal.read(
            f"{_HANDED} WHERE r.id = ? AND (r.status = 'escalated' OR d.state IS NOT NULL)", (record,)
        )
        if not rows:
            raise UnknownConversation(f"No record '{record[:64]}' was handed over to a person.")
        return _handed(*rows[0])

    def taken(self, conversation: str) -> str | None:
        """The record of a conversation that an operator has taken, if one has."""
        rows = self._journal.read(
            "SELECT record FROM desk WHERE conversation = ? AND state = 'taken' ORDER BY since LIMIT 1", (conversation,)
        )
        return str(rows[0][0]) if rows else None

    def latest(self, conversation: str) -> Handed | None:
        """The escalation of a conversation that is not closed: the one that is taken, else the last."""
        rows = self._journal.read(
            f"{_HANDED} WHERE r.conversation = ? AND r.status = 'escalated'"
            " ORDER BY d.state IS 'taken' DESC, r.rowid DESC LIMIT 1",
            (conversation,),
        )
        return _handed(*rows[0]) if rows else None

    async def take(self, record: str, by: str) -> None:
        """From now on the operator `by` gets what the customer writes. Busy if another one does; idempotent."""
        async with self._lock:
            handed = self._open(record, by)
            if handed.state == "open":
                await self._write(handed, [_noted(handed, "taken", by)], OperatorJoined(record, by))

    async def answer(self, record: str, by: str, text: str) -> None:
        """Say something into the conversation, and take it if nobody has."""
        async with self._lock:
            handed = self._open(record, by)
            taking = handed.state == "open"
            noted = [_noted(handed, "taken", by)] if taking else []
            joined = [OperatorJoined(record, by)] if taking else []
            await self._write(handed, noted, *joined, OperatorSaid(record, by, text))

    async def close(self, record: str, by: str, text: str = "") -> None:
        """The matter is settled: the record is completed with `text`, or with what the operator said last."""
        async with self._lock:
            handed = self._open(record, by)
            said = [OperatorSaid(record, by, text)] if text else []
            settled = [*resolved(self._journal, record, text or self._said(record), by), _noted(handed, "closed", by)]
            await self._write(handed, settled, *said, OperatorLeft(record, by))

    async def hold(self, record: str, by: str) -> None:
        """What waits for an answer is this operator's from now on: nobody is told, and no customer's words go there."""
        held: Sql = ("INSERT OR REPLACE INTO desk VALUES (?, NULL, 'taken', ?, ?)", (record, by, time.time()))
        await self._journal.write(held)

    def _open(self, record: str, by: str) -> Handed:
        handed = self.one(record)
        if handed.state == "closed":
            raise UsageError(f"The escalation of '{record}' is closed already.")
        if handed.state == "taken" and handed.by != by:
            raise Busy(f"'{handed.by}' has taken the escalation of '{record}': leave it to them.")
        return handed

    def _said(self, record: str) -> str:
        said = [event["text"] for event in self._journal.events(record) if event["event"] == "OperatorSaid"]
        return said[-1] if said else CLOSED

    async def _write(self, handed: Handed, statements: list[Sql], *events: Event) -> None:
        told = [insert_event(event, handed.conversation) for event in events]
        await self._journal.write(*statements, *told, conversation=handed.conversation)


def _noted(handed: Handed, state: str, by: str) -> Sql:
    return (
        "INSERT OR REPLACE INTO desk VALUES (?, ?, ?, ?, ?)",
        (handed.record, handed.conversation, state, by, time.time()),
    )


def _handed(
    record: str,
    conversation: str | None,
    outcome: str | None,
    intent: str | None,
    at: float,
    state: Literal["taken", "closed"] | None,
    by: str | None,
) -> Handed:
    escalation = (json.loads(outcome) if outcome else {}).get("escalation") or {"to": "", "reason": ""}
    return Handed(record, conversation, escalation["to"], escalation["reason"], intent, state or "open", by or "", at)
