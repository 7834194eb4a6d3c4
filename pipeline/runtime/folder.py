"""Folder: the files of one run's results, and the lock on them. Knows their names; all but the journal are readings of
it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

SHARDS = "shards"
"""The folder in a folder of results that holds the folders of its shards."""

LOOKS = 3
"""At the list of locks, before a folder is taken to be nobody's."""


@dataclass(frozen=True)
class Folder:
    """`path` need not exist yet."""

    path: Path

    @property
    def journal(self) -> Path:
        """Every step of every record; the truth."""
        return self.path / "journal.sqlite"

    @property
    def results(self) -> Path:
        """A line for each record that has a status."""
        return self.path / "results.jsonl"

    @property
    def errors(self) -> Path:
        """A line for each input line that could not be read."""
        return self.path / "errors.jsonl"

    @property
    def questions(self) -> Path:
        """A line for each record that waits for an answer."""
        return self.path / "questions.jsonl"

    @property
    def approvals(self) -> Path:
        """A line for each action that waits for somebody's approval."""
        return self.path / "approvals.jsonl"

    @property
    def escalations(self) -> Path:
        """A line for each record that a person has to take over."""
        return self.path / "escalations.jsonl"

    def check(self) -> None:
        """UsageError where it could not be made, or written: said before what takes long is opened for it."""
        place = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        if not place.is_dir():
            raise UsageError(f"The folder {self.path} cannot be made ({place} is a file): choose another.")
        if not os.access(place, os.W_OK):
            raise UsageError(f"The folder {self.path} cannot be made ({place} is not yours to write): choose another.")

    def make(self) -> None:
        """Make the folder. UsageError if it cannot be made, holds shards, or results of which the journal is gone."""
        if (self.path / SHARDS).is_dir():
            raise UsageError(f"{self.path} is in shards: go on with --ray and --shards, or use a new folder.")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The folder {self.path} cannot be made ({error.strerror}): choose another.") from error
        if not self.journal.exists() and (self.results.exists() or self.errors.exists()):
            raise UsageError(f"{self.path} holds results without their journal, which would be lost: use a new folder.")

    def found(self) -> Folder:
        """Itself, if it holds a run; else UsageError."""
        if not self.journal.is_file():
            raise UsageError(f"{self.path} holds no journal: give the folder (-o) of a run or a batch.")
        return self

    def in_use(self) -> bool:
        """Whether a process holds the folder's lock, without touching it: the kernel lists who does (Linux)."""
        try:
            known = (self.path / ".lock").stat()
        except OSError:
            return False
        file = f" {os.major(known.st_dev):02x}:{os.minor(known.st_dev):02x}:{known.st_ino} "
        # The list is read page by page, and a lock is passed over where another goes meanwhile.
        return any(file in line and "FLOCK" in line for _ in range(LOOKS) for line in _locks())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time: two would serve the same records twice."""
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"Another process is working in {self.path}: wait for it, or use another folder."
                ) from None
            yield


def _locks() -> list[str]:
    try:
        return Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
