"""The tables of an index version's SQLite file. Knows neither how they are written nor how they are searched.

documents(id, path, format, sha256, metadata, first, after)   its passages are the rows first … after - 1
passages(row, document, heading, text, start, "end", byte_start, byte_end, digest, meaning)
facts(document, key, text, number)    a view: metadata, with "path" and "format" as keys too; booleans are 0 and 1
lexicon, vocabulary, common           full text (FTS5), its terms, and those terms that many passages hold

Only in an index that was built with sentences of context (see contexts.py):

contexts(row, key, sentence)          a sentence for each passage; the lexicon has it as a third column, from the view
contextual(row, heading, text, context)
"""

from __future__ import annotations

TOKENIZER = "porter unicode61 remove_diacritics 2"
# Terms in fewer passages than this are never what makes a search slow, so that nothing is noted about them.
COMMON = 500

SCHEMA = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -131072;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    metadata TEXT NOT NULL,
    first INTEGER NOT NULL,
    after INTEGER NOT NULL
) STRICT;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (id),
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    byte_start INTEGER,
    byte_end INTEGER,
    digest BLOB NOT NULL,
    meaning BLOB NOT NULL
) STRICT;
CREATE TABLE metadata (
    document INTEGER NOT NULL,
    key TEXT NOT NULL,
    text TEXT,
    number REAL,
    PRIMARY KEY (document, key)
) WITHOUT ROWID, STRICT;
CREATE VIEW facts AS
    SELECT document, key, text, number FROM metadata
    UNION ALL SELECT id, 'path', path, NULL FROM documents
    UNION ALL SELECT id, 'format', format, NULL FROM documents;
CREATE TABLE common (term TEXT PRIMARY KEY, passages INTEGER NOT NULL) WITHOUT ROWID, STRICT;
"""
LEXICON = f"""
CREATE VIRTUAL TABLE lexicon USING fts5 (
    heading, text, content = 'passages', content_rowid = 'row', tokenize = '{TOKENIZER}'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (lexicon, row);
"""
CONTEXTS = """
CREATE TABLE contexts (row INTEGER PRIMARY KEY, key BLOB NOT NULL, sentence TEXT NOT NULL) STRICT;
CREATE VIEW contextual AS
    SELECT row, heading, text, coalesce(sentence, '') AS context FROM passages LEFT JOIN contexts USING (row);
"""
CONTEXTUAL_LEXICON = LEXICON.replace("text, content = 'passages'", "text, context, content = 'contextual'")
INDEXES = """
CREATE INDEX passages_of_document ON passages (document);
CREATE INDEX texts ON metadata (key, text, document) WHERE text IS NOT NULL;
CREATE INDEX numbers ON metadata (key, number, document) WHERE number IS NOT NULL;
"""
