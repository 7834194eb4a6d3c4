"""Tables: those of a journal, and the connections to a file that holds them.

    meta           schema_version
    runs           one row per process that worked on this file
    records        input, status and outcome of each record; status NULL = not finished
    steps          one row per step, primary key (record, position)
    actions        reserved → committed, primary key = idempotency key
    questions      what was asked of a person, and the answer; kind: question, escalation (closed by a person), expired
    events         what was told while it happened; with a conversation, what its people see
    conversations  one row per conversation with a person; its records name it
    messages       what the customer wrote, by the number of its event
    approvals      which of these were for a role to approve an action with its arguments, who did, and when
    desk           what an operator took: escalations, and questions of batches; and the escalations that one closed
    answerers      which operator answered a question, where one did
    told           notices that a webhook has taken

It knows columns and their version; it does not know what is written into them (journal.py) or when (writer.py).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pipeline.errors import JournalError
from pipeline.write_ahead import write_ahead

SCHEMA_VERSION = 3

STEP_COLUMNS = (
    "position, name, digest, occurrence, result, error, attempt, prompt_tokens, completion_tokens, started, seconds,"
    " detail"
)
ACTION_COLUMNS = (
    "key, record, name, digest, occurrence, arguments, state, result, intent, approval, reserved, committed"
)
"""In the order of the fields of StepRow and ActionRow."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, started REAL NOT NULL, finished REAL, manifest TEXT NOT NULL
) STRICT;
CREATE TABLE records (
    id TEXT PRIMARY KEY, input TEXT NOT NULL, today TEXT NOT NULL, status TEXT, intent TEXT, outcome TEXT,
    traceback TEXT, started REAL NOT NULL, finished REAL, suspicion INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0, conversation TEXT
) STRICT;
CREATE TABLE steps (
    record TEXT NOT NULL, position TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL,
    result TEXT, error TEXT, attempt INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, started REAL NOT NULL, seconds REAL NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (record, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE actions (
    key TEXT PRIMARY KEY, record TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, occurrence INTEGER NOT NULL,
    arguments TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'refused')), result TEXT,
    reserved REAL NOT NULL, committed REAL, intent TEXT NOT NULL DEFAULT '', approval TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE questions (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, position TEXT NOT NULL, digest TEXT NOT NULL,
    occurrence INTEGER NOT NULL, field TEXT, text TEXT NOT NULL, choices TEXT, answer TEXT, asked REAL NOT NULL,
    answered REAL, contract TEXT, schema TEXT, kind TEXT NOT NULL DEFAULT 'question', UNIQUE (record, position)
) STRICT;
CREATE TABLE events (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL, conversation TEXT
) STRICT;
CREATE INDEX events_by_record ON events (record);
CREATE TABLE conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL, opened REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    number INTEGER PRIMARY KEY, conversation TEXT NOT NULL, record TEXT NOT NULL, text TEXT NOT NULL, key TEXT,
    UNIQUE (conversation, key)
) STRICT;
CREATE TABLE desk (
    record TEXT PRIMARY KEY, conversation TEXT, state TEXT NOT NULL CHECK (state IN ('taken', 'closed')),
    operator TEXT NOT NULL, since REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX desk_by_conversation ON desk (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX events_by_conversation ON events (conversation, number) WHERE conversation IS NOT NULL;
CREATE INDEX records_by_conversation ON records (conversation) WHERE conversation IS NOT NULL;
CREATE INDEX actions_by_record ON actions (record);
CREATE INDEX records_escalated ON records (finished) WHERE status = 'escalated';
"""
_LATER = """
CREATE INDEX IF NOT EXISTS messages_by_key ON messages (key) WHERE key IS NOT NULL;
CREATE TABLE IF NOT EXISTS approvals (
    record TEXT NOT NULL, position TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL, digest TEXT NOT NULL,
    arguments TEXT NOT NULL, question TEXT NOT NULL, asked REAL NOT NULL, answer TEXT, by TEXT, answered REAL,
    PRIMARY KEY (record, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answerers (number INTEGER PRIMARY KEY, by TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS told (id TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_status ON records (status);
CREATE INDEX IF NOT EXISTS records_out_of_scope ON records (status) WHERE intent = 'out_of_scope';
CREATE INDEX IF NOT EXISTS conversations_by_owner ON conversations (owner);
CREATE INDEX IF NOT EXISTS questions_open ON questions (number) WHERE answer IS NULL;
"""
"""What tables of this version did not have at first, and whoever reads them may have or lack."""

_PATIENCE = 30.0  # seconds to wait for another connection

PARSED = 512
"""Statements that a connection keeps parsed: those that write up to 64 rows of each of four kinds, and the others."""


def connect_with_tables(path: Path) -> sqlite3.Connection:
    """A connection to a file that has the tables, made if there are none.

    Raises JournalError if they are of another version, sqlite3.Error if the file is no journal, or cannot be opened.
    """
    connection = connect(path)
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    version = _version(connection)
    if version == 0:
        # Another connection may be making them just now: the second one waits, and finds them made.
        made = _TABLES.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS").replace("INDEX", "INDEX IF NOT EXISTS")
        kept = f"INSERT OR IGNORE INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}');"
        connection.executescript(f"BEGIN IMMEDIATE;{made}{_LATER}{kept}COMMIT;")
    elif version == SCHEMA_VERSION:
        connection.executescript(_LATER)
    else:
        connection.close()
        raise JournalError(
            f"{path} was written by another version of Interlock (journal {version}, this one reads"
            f" {SCHEMA_VERSION}): use that version, or a new folder."
        )
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file as it is."""
    # Each connection belongs to one thread at a time; the writer's moves from the opening thread to the journal's.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE, cached_statements=PARSED
    )
    try:
        write_ahead(connection, _PATIENCE)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    if "meta" not in tables:
        raise sqlite3.DatabaseError("it is a database of something else")
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return int(row[0]) if row else -1
