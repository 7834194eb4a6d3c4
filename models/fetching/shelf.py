"""Shelf: converted models in the user's cache, each under the content of the file that it was made from.

Knows where they stand, and that one is there whole or not at all. Does not know how they are made.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RECIPE = 1
"""How files become folders. With another number, what an earlier Interlock has made is not used, but made anew."""

_LOCK = ".lock"
_PART = ".part-"


def shelf() -> Path:
    """Where the folders are: `interlock/models` in the user's cache, by the XDG base directory specification."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification: a path that is not absolute is to be ignored.
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "interlock" / "models"


def find(sha256: str) -> Path | None:
    """The folder that was made from the file with this content."""
    return next(iter(sorted(shelf().glob(f"*-{_key(sha256)}"))), None)


@contextmanager
def turn(progress: Callable[[str], None]) -> Iterator[int]:
    """The right to put something on the shelf, for one process at a time.

    Gives the lock's file descriptor, for processes that write there: while one has it open, the turn is not over.
    """
    shelf().mkdir(parents=True, exist_ok=True)
    with (shelf() / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another process is fetching a model; waiting for it…")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in shelf().glob(f"{_PART}*"):  # by one that was killed: whoever is alive has the lock
            shutil.rmtree(left, ignore_errors=True)
        yield lock.fileno()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the shelf's file system that is gone after the block. To be used within `turn`."""
    folder = Path(tempfile.mkdtemp(prefix=_PART, dir=shelf()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(folder: Path, name: str, sha256: str) -> Path:
    """Move a finished folder, made from the file called `name`, to its place: at once, and only when it is on disk."""
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    target = shelf() / f"{re.sub(r'[^A-Za-z0-9._]+', '-', name).strip('-.') or 'model'}-{_key(sha256)}"
    folder.rename(target)
    with suppress(OSError):  # some file systems cannot; the folder is there all the same
        descriptor = os.open(target.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return target


def _key(sha256: str) -> str:
    return f"{sha256[:16]}.{RECIPE}"
