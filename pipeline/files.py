"""Files that are written whole or not at all: whoever reads one sees it as it was before, or as it is afterwards. And
files that grow by lines while somebody reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

as_line = json.JSONEncoder(ensure_ascii=False).encode
"""A value as JSON in one line."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, says that there is no space left for what was to be written, which may
    change.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            return True
        if isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _FULL:
            return True
        error = error.__cause__
    return False


_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""Of SQLite's primary codes; the second where its log or its index of that found no space."""


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    unfinished = path.with_name(path.name + ".tmp")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file to write in the block, which takes the place of `path` when that ends without an error."""
    with _unfinished(path) as unfinished, unfinished.open("w", encoding="utf-8") as stream:
        yield stream


class Growing:
    """A file to which an event loop adds lines. They can be read once the loop's round is over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._due = False

    def add(self, line: str) -> None:
        """One more line, without its break."""
        self._stream.write(line + "\n")
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        if not self._stream.closed:
            self._stream.flush()


@contextlib.contextmanager
def growing(path: Path) -> Iterator[Growing]:
    """The file at `path`, made if there is none, to add lines to in the block."""
    with path.open("a", encoding="utf-8") as stream:
        yield Growing(stream)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by these bytes."""
    with _unfinished(path) as unfinished:
        unfinished.write_bytes(content)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replace a file by these lines."""
    with replacing(path) as stream:
        stream.writelines(line + "\n" for line in lines)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a file by these rows as JSON lines."""
    write_lines(path, map(as_line, rows))
