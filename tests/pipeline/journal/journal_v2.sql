-- The tables of a journal of version 2, as they were.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, started REAL NOT NULL, finished REAL, manifest TEXT NOT NULL
) STRICT;
CREATE TABLE records (
    id TEXT PRIMARY KEY, input TEXT NOT NULL, today TEXT NOT NULL, status TEXT, intent TEXT, outcome TEXT,
    traceback TEXT, started REAL NOT NULL, finished REAL, suspicion INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0
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
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_record ON events (record);
INSERT INTO meta VALUES ('schema_version', '2');
