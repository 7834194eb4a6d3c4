"""RunNotes: what is known of each uploaded run, as a small file in its folder. Knows files; serves nothing."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.batch.requests import Requests
from pipeline.files import replacing, write_rows
from pipeline.runtime.folder import Folder

log = logging.getLogger("interlock.service")

NOTE = "run.json"
UNREAD = "unread.jsonl"


class RunNotes:
    """Those of the runs below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unwritten: dict[str, dict[str, Any]] = {}
        """What the disk did not take."""

    def path(self, id: str) -> Path:
        """The folder of a run, whether there is one or not. KeyError for what is no name of one."""
        if not id or not id.isascii() or len(id) > 64 or not all(sign.isalnum() or sign in "-_" for sign in id):
            raise KeyError(id)
        return self.folder / id

    def all(self) -> list[dict[str, Any]]:
        """The runs, newest first."""
        notes = [self._read(path) for path in self.folder.glob(f"*/{NOTE}")]
        return sorted((note for note in notes if note), key=lambda note: (note["created"], note["id"]), reverse=True)

    def one(self, id: str) -> dict[str, Any]:
        """What is known of a run. KeyError."""
        note = self._read(self.path(id) / NOTE)
        if note is None:
            raise KeyError(id)
        return note

    def write(self, id: str, change: Mapping[str, Any], kept: bool = False) -> None:
        """Note what is new about a run. `kept`: on disk, or OSError; else what the disk does not take is remembered."""
        path = self.folder / id / NOTE
        noted = {**(self._read(path) or {}), **change}
        try:
            with replacing(path) as stream:
                json.dump(noted, stream)
        except OSError as error:
            if kept:
                raise
            log.error("The note of run %s cannot be written: %s", id, error)
            self._unwritten[id] = noted
        else:
            self._unwritten.pop(id, None)

    def keep_unread(self, id: str, requests: Requests) -> None:
        """Keep which lines of a run's file cannot be read, and why. OSError."""
        if requests.errors:
            write_rows(self.path(id) / UNREAD, (line.row() for line in requests.bad_lines()))

    def unread(self, id: str, after: int, limit: int) -> list[dict[str, Any]]:
        """Lines that could not be read, behind the first `after` of them. KeyError."""
        self.one(id)
        kept = self.path(id) / UNREAD
        path = kept if kept.is_file() else Folder(self.path(id) / "out").errors  # as earlier versions have it
        try:
            with path.open(encoding="utf-8") as lines:
                return [json.loads(line) for line in islice(lines, after, after + limit)]
        except OSError:
            return []

    def remove(self, id: str) -> None:
        """Take away a run's files, its note last: what a kill leaves is known for what it is. OSError."""
        folder = self.path(id)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != NOTE:
                path.unlink()
        (folder / NOTE).unlink(missing_ok=True)
        folder.rmdir()
        self._unwritten.pop(id, None)

    def sweep(self) -> None:
        """Take away what a kill left of uploads that never became runs."""
        for folder in self.folder.glob("*"):
            if not (folder / NOTE).is_file() and not (folder / "out").exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _read(self, path: Path) -> dict[str, Any] | None:
        if (unwritten := self._unwritten.get(path.parent.name)) is not None:
            return unwritten
        try:
            note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note
