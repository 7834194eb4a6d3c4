"""Opens files that may be anything: devices and pipes are never waited for, and sizes are known before reading."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from index.reading.reading import Unreadable


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file's bytes. Raises Unreadable, for an error while they are read too."""
    try:
        # Before opening: to open a device may already do something. After: it may have been swapped meanwhile.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("is no regular file")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Unreadable("is no regular file")
            yield stream
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from None


def whole(stream: BinaryIO, most: int) -> bytes:
    """All bytes of a file of at most `most` bytes. Raises Unreadable for a larger one, without reading on."""
    size = os.fstat(stream.fileno()).st_size
    # Room is made for all that is asked for: `most` bytes would be megabytes for each small file.
    content = stream.read(min(size, most) + 1)
    if size < len(content) <= most:  # it grew, or has no size, as some files of the system
        content += stream.read(most + 1 - len(content))
    if len(content) > most:
        raise Unreadable(f"is too large ({max(size, len(content)):,} bytes; the most is {most:,})")
    return content
