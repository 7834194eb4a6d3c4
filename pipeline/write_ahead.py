"""Write-ahead logging of an SQLite file: readers go on while one writes. Knows nothing of what the file holds."""

from __future__ import annotations

import sqlite3
import time


def write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Have the file keep a write-ahead log. Raises sqlite3.OperationalError if others hold it for `patience` seconds.

    SQLite itself does not wait here: of two that open a new file at once, one is told that it is locked.
    Source: https://sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode
    """
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return
