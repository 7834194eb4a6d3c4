"""What one version of an index consists of: its encoder, chunker, counts, kind of search, and every file's checksum.

Knows how that is written and checked, not what is inside the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from index.errors import DamagedIndex

FORMAT = 2
FILENAME = "manifest.json"

# Of a larger file `open` reads samples only: a gigabyte takes half a second to hash, more where it is not in memory.
_READ_WHOLE = 64 * 2**20
_SAMPLES = 8
_SAMPLE = 2**20


@dataclass(frozen=True)
class FileRecord:
    """A file as written. `samples`: offset → SHA-256 of the MiB there; of files too large to read at each open."""

    bytes: int
    sha256: str
    samples: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """`documents` and `passages` are counts, `content` a hash of all documents' paths and contents. `built`: UTC.

    `chunker`: its settings. `kind`: "flat", "ivf" or "hnsw". `search`: how widely an approximate kind looks by default.
    `recall`: what that finds of the exact ten nearest, measured when it was built; empty for "flat", which is exact.
    `fusion`: the constants by which dense and lexical search become one, where they are not the default encoder's.
    `floor`: how near a sentence has to be to a question to be quoted, where it is not the default encoder's.
    """

    version: int
    built: str
    encoder: str
    fingerprint: str
    dimensions: int
    chunker: Mapping[str, Any]
    documents: int
    passages: int
    content: str
    kind: str
    search: Mapping[str, int]
    recall: Mapping[str, Any]
    files: Mapping[str, FileRecord]
    fusion: Mapping[str, float] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        fields = asdict(self)
        for name in ("fusion", "floor"):
            if not fields[name]:
                del fields[name]  # as every release of this format reads it
        return (json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def read(cls, folder: Path, sha256: str) -> Manifest:
        """The manifest of a version folder, whose bytes must have this hash. Raises DamagedIndex."""
        path = folder / FILENAME
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _altered(path)
        fields: dict[str, Any] = json.loads(content)
        fields.pop("format")
        fields["files"] = {name: FileRecord(**record) for name, record in fields["files"].items()}
        return cls(**fields)

    def check(self, folder: Path, every_byte: bool) -> None:
        """Compare the version's files with what was written. Raises DamagedIndex, naming the file.

        Files up to 64 MiB are always read whole. Of a larger one, unless `every_byte`, its size and eight MiB spread
        over it: that finds a file cut short, exchanged or half written, and misses a flipped bit elsewhere.
        """
        for name, record in self.files.items():
            path = folder / name
            try:
                with path.open("rb") as stream:
                    if path.stat().st_size != record.bytes:
                        raise _altered(path)
                    if every_byte or not record.samples:
                        if hashlib.file_digest(stream, "sha256").hexdigest() != record.sha256:
                            raise _altered(path)
                        continue
                    for offset, expected in record.samples.items():
                        stream.seek(int(offset))
                        if hashlib.sha256(stream.read(_SAMPLE)).hexdigest() != expected:
                            raise _altered(path)
            except OSError as error:
                raise _unreadable(path, error) from None


def record_file(path: Path) -> FileRecord:
    """The record of a file just written."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        samples: dict[str, str] = {}
        if size > _READ_WHOLE:
            for number in range(_SAMPLES):
                offset = (size - _SAMPLE) * number // (_SAMPLES - 1)
                stream.seek(offset)
                samples[str(offset)] = hashlib.sha256(stream.read(_SAMPLE)).hexdigest()
    return FileRecord(size, sha256, samples)


def content_hash(documents: Iterable[tuple[str, str]]) -> str:
    """One hash of all (path, SHA-256) pairs in their order."""
    hashed = hashlib.sha256()
    for path, sha256 in documents:
        hashed.update(path.encode("utf-8", "surrogatepass") + b"\0" + sha256.encode() + b"\n")
    return hashed.hexdigest()


def _unreadable(path: Path, error: OSError) -> DamagedIndex:
    return DamagedIndex(f"The index is damaged: {path} cannot be read ({error.strerror})")


def _altered(path: Path) -> DamagedIndex:
    return DamagedIndex(f"The index is damaged: {path} is not what was written")
