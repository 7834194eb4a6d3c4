"""FileStore: files as OpenAI's API has them: uploaded by a client, or made of a batch's answers. Knows what is kept of
each, and whose it is; reads none of them.

Each is a folder with the content and, written last, a note: what has none was cut off by a kill.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import replacing

NOTE = "file.json"
CONTENT = "content"
MOST_BYTES = 4 << 30
"""Of all the files of one token that were uploaded."""


class FileStore:
    """Those below one folder. A note: id, created (Unix time), by (the owner), filename, purpose, bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sweep(self) -> None:
        """Take away what a kill left of uploads."""
        for folder in self._folder.glob("*"):
            if not (folder / NOTE).is_file():
                shutil.rmtree(folder, ignore_errors=True)

    def add(self, by: str, filename: str, purpose: str, put: Callable[[Path], object]) -> dict[str, Any]:
        """A new file: `put` makes its content at a path. OSError."""
        return self._add(f"file-{secrets.token_hex(16)}", by, filename, purpose, put)

    def add_result(self, of: str, by: str, filename: str, source: Path) -> str:
        """The id of a file with the content of `source`, which a batch made: the same again for the same names."""
        id = f"file-{hashlib.sha256(f'{of} {filename}'.encode()).hexdigest()[:32]}"
        self._add(id, by, filename, "batch_output", lambda path: link(source, path))
        return id

    def all(self) -> list[dict[str, Any]]:
        """The files, newest first."""
        notes = [note for path in self._folder.glob(f"*/{NOTE}") if (note := _read(path))]
        return sorted(notes, key=lambda note: (note["created"], note["id"]), reverse=True)

    def one(self, id: str) -> dict[str, Any]:
        """What is known of a file. KeyError."""
        note = _read(self._path(id) / NOTE)
        if note is None:
            raise KeyError(id)
        return note

    def content(self, id: str) -> Path:
        """Where a file's bytes are. KeyError."""
        self.one(id)
        return self._path(id) / CONTENT

    def uploaded(self, by: str) -> int:
        """Bytes of all that an owner has uploaded."""
        return sum(note["bytes"] for note in self.all() if note["by"] == by and note["purpose"] != "batch_output")

    def delete(self, id: str) -> None:
        """Take a file away; batches that were made of it have it still. KeyError."""
        self.one(id)
        (self._path(id) / NOTE).unlink(missing_ok=True)
        shutil.rmtree(self._path(id), ignore_errors=True)

    def _add(self, id: str, by: str, filename: str, purpose: str, put: Callable[[Path], object]) -> dict[str, Any]:
        folder = self._path(id)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            put(folder / CONTENT)
            size = (folder / CONTENT).stat().st_size
            note = {"id": id, "created": time.time(), "by": by, "filename": filename, "purpose": purpose, "bytes": size}
            with replacing(folder / NOTE) as stream:
                json.dump(note, stream)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return note

    def _path(self, id: str) -> Path:
        if not id.startswith("file-") or not id[5:].isalnum() or not id.isascii() or len(id) > 64:
            raise KeyError(id)
        return self._folder / id


def link(source: Path, path: Path) -> None:
    """The bytes of `source` at `path` as well, without a second copy of them."""
    path.unlink(missing_ok=True)
    os.link(source, path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note
