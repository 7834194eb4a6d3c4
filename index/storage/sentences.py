"""Sentences of context that a model wrote in a build under way, kept so that a killed build asks for none twice.

    INDEX/versions/.sentences-<16 digits of the writer's name>     a line of JSON each: {"key", "sentence"}

Each is on the disk before it is used; a line that is torn is cut off. Removed once a version with them is published.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType

PREFIX = ".sentences-"


class Sentences:
    """Sentences by key. Held by one builder, under its lock."""

    def __init__(self, folder: Path, writer: str) -> None:
        self.path = folder / f"{PREFIX}{hashlib.sha256(writer.encode()).hexdigest()[:16]}"
        self.found: dict[bytes, str] = {}
        self._stream = self.path.open("a+b")
        self._read()

    def add(self, key: bytes, sentence: str) -> None:
        """Keep one; it is on the disk when this returns."""
        self._stream.write(json.dumps({"key": key.hex(), "sentence": sentence}).encode() + b"\n")
        self._stream.flush()
        os.fdatasync(self._stream.fileno())
        self.found[key] = sentence

    def _read(self) -> None:
        self._stream.seek(0)
        good = 0
        for line in self._stream:
            try:
                row = json.loads(line)
                key, sentence = bytes.fromhex(row["key"]), str(row["sentence"])
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            self.found[key] = sentence
            good += len(line)
        self._stream.truncate(good)

    def __enter__(self) -> Sentences:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()
