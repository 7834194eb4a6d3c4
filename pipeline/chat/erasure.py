"""Erasure: one conversation given out whole, or taken away, so that nothing that was said can be read from the file.

What stays is the ledger without its words: that an action was done, when, under which key, and the digests of its
arguments and of their approval. Without it a deed could be done twice, and nobody could show that it was approved.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from typing import Any

from pipeline.chat.conversation_readings import ConversationReadings
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.transcript import turns
from pipeline.errors import Busy
from pipeline.journal.journal import Journal
from pipeline.journal.queries import Queries
from pipeline.journal.statements import Sql
from pipeline.journal.tables import connect

_OF_RECORDS = ("steps", "questions", "desk", "events")
_ITS = "(SELECT id FROM records WHERE conversation = ?)"


def exported(journal: Queries, conversation: str) -> dict[str, Any]:
    """All that is kept of a conversation, ready for JSON: what was said and told, the values that were collected, what
    was searched and asked of a model, and what was done. UnknownConversation.
    """
    store = ConversationReadings(journal)
    owner = store.owner(conversation)
    (opened,) = journal.read("SELECT opened FROM conversations WHERE id = ?", (conversation,))[0]
    events, after = [], 0
    while page := store.after(conversation, after):
        events += page
        after = page[-1].id
    return {
        "conversation": conversation,
        "owner": owner,
        "opened": opened,
        "turns": [vars(turn) for turn in turns(events)],
        "events": [event.row() for event in events],
        "records": [_record(journal, record) for record, _ in store.records(conversation)],
    }


def _record(journal: Queries, record: str) -> dict[str, Any]:
    steps = [{**vars(step), "result": json.loads(step.result or "null")} for step in journal.steps(record)]
    return {
        "record": record,
        "outcome": journal.outcome(record),
        "transcript": journal.transcript(record),
        "steps": steps,
        "actions": [action.row() for action in journal.actions(record)],
    }


def owned(journal: Queries, owner: str) -> list[str]:
    """The conversations that somebody opened, by the name of a token (`@ann`) or what stands for one without."""
    rows = journal.read("SELECT id FROM conversations WHERE owner = ? ORDER BY opened", (owner,))
    return [id for (id,) in rows]


def old(journal: Queries, before: float) -> list[str]:
    """The conversations in which nothing has happened since a time (Unix), and that no person has to see to."""
    rows = journal.read(
        "SELECT c.id FROM conversations AS c WHERE c.opened < ? AND NOT EXISTS (SELECT 1 FROM events"
        " WHERE conversation = c.id AND at >= ?) AND NOT EXISTS (SELECT 1 FROM records AS r LEFT JOIN desk AS d"
        " ON d.record = r.id WHERE r.conversation = c.id AND r.status = 'escalated' AND d.state IS NOT 'closed')"
        " AND NOT EXISTS (SELECT 1 FROM actions AS a JOIN records AS r ON r.id = a.record"
        " WHERE r.conversation = c.id AND a.state = 'reserved') ORDER BY c.opened",
        (before, before),
    )
    return [id for (id,) in rows]


async def erase(journal: Journal, store: ConversationStore, conversation: str) -> None:
    """Take a conversation away, as one; nobody may be working on it. UnknownConversation.

    Busy while it is not known whether an action of it happened: the one who finds out needs to see what it was.
    """
    store.owner(conversation)
    uncertain = journal.read(
        f"SELECT name FROM actions WHERE state = 'reserved' AND record IN {_ITS} LIMIT 1", (conversation,)
    )
    if uncertain:
        raise Busy(f"It is not known whether '{uncertain[0][0]}' happened: say so first (interlock answer).")
    of = (conversation,)
    statements: list[Sql] = [
        (f"UPDATE actions SET arguments = 'null', result = NULL WHERE record IN {_ITS}", of),
        (f"UPDATE approvals SET arguments = 'null', question = '' WHERE record IN {_ITS} AND answer = 'yes'", of),
        (f"DELETE FROM approvals WHERE record IN {_ITS} AND answer IS NOT 'yes'", of),
        (f"DELETE FROM answerers WHERE number IN (SELECT number FROM questions WHERE record IN {_ITS})", of),
        *((f"DELETE FROM {table} WHERE record IN {_ITS}", of) for table in _OF_RECORDS),
        ("DELETE FROM events WHERE conversation = ?", of),
        ("DELETE FROM messages WHERE conversation = ?", of),
        ("DELETE FROM records WHERE conversation = ?", of),
        ("DELETE FROM conversations WHERE id = ?", of),
    ]
    await journal.write(*statements, conversation=conversation)


async def emptied(journal: Journal) -> None:
    """Merge the write-ahead log into the file: what was erased there stands in it until then, and no longer."""

    def merge() -> None:
        with contextlib.closing(connect(journal.path)) as own, contextlib.suppress(sqlite3.OperationalError):
            own.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a reader in its way has it done at the next erasure

    await asyncio.to_thread(merge)
