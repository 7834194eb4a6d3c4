"""What one version of an index consists of: its encoder, documents, counts, and the checksum of every file.

Knows how that is written and checked, not what is inside the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.errors import DamagedIndex

FORMAT = 1
FILENAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """`documents`: path → SHA-256 of its text. `files`: name → SHA-256 of the file. `built`: UTC, ISO 8601."""

    version: int
    built: str
    encoder: str
    fingerprint: str
    dimensions: int
    passages: int
    documents: Mapping[str, str]
    files: Mapping[str, str]

    def to_bytes(self) -> bytes:
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def read(cls, folder: Path, sha256: str) -> Manifest:
        """The manifest of a version folder, whose bytes must have this hash. Raises DamagedIndex."""
        content = read_checked(folder / FILENAME, sha256)
        fields: dict[str, Any] = json.loads(content)
        fields.pop("format")
        return cls(**fields)

    def path(self, folder: Path, name: str) -> Path:
        """One of the version's files, checked against its checksum without loading it whole. Raises DamagedIndex."""
        try:
            with (folder / name).open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(folder / name, error) from None
        if found != self.files.get(name):
            raise _altered(folder / name)
        return folder / name


def read_checked(path: Path, sha256: str | None) -> bytes:
    """The file's bytes, which must have this hash. Raises DamagedIndex."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _altered(path)
    return content


def _unreadable(path: Path, error: OSError) -> DamagedIndex:
    return DamagedIndex(f"The index is damaged: {path} cannot be read ({error.strerror})")


def _altered(path: Path) -> DamagedIndex:
    return DamagedIndex(f"The index is damaged: {path} is not what was written")
