"""Folder: the files of one run's results. Knows their names and how they are written; all but the journal are readings
of it, written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pipeline.errors import UsageError

SHARDS = "shards"
"""The folder in a folder of results that holds the folders of its shards."""


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
    def escalations(self) -> Path:
        """A line for each record that a person has to take over."""
        return self.path / "escalations.jsonl"

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
            raise UsageError(f"{self.path} holds no journal: give the folder that `interlock run -o` wrote.")
        return self

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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file to write in the block, which takes the place of `path` when that ends without an error."""
    unfinished = path.with_name(path.name + ".tmp")
    try:
        with unfinished.open("w", encoding="utf-8") as stream:
            yield stream
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replace a file by these lines, whole or not at all."""
    with replacing(path) as stream:
        stream.writelines(line + "\n" for line in lines)


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Replace a file by these rows as JSON lines, whole or not at all."""
    write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))
