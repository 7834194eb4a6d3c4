"""What an encoder has computed in a build that is under way, kept so that a killed build encodes nothing twice.

    INDEX/versions/.encoded-<16 digits of the encoder's fingerprint>     records: meaning, CRC-32, vector

Records are only ever appended, each batch synced before the next; a torn one at the end is cut off. Removed once a
version of that encoder is published. Knows bytes; nothing of passages.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from index.embedding import Vectors

PREFIX = ".encoded-"
_MEANING, _CHECK = 16, 4


class Encoded:
    """The vectors by meaning that a build can take up, and to which it adds. Held by one builder, under its lock."""

    def __init__(self, folder: Path, fingerprint: str, dimensions: int) -> None:
        self.path = folder / f"{PREFIX}{hashlib.sha256(f'{fingerprint} {dimensions}'.encode()).hexdigest()[:16]}"
        self._dimensions = dimensions
        self._record = _MEANING + _CHECK + 4 * dimensions
        self._stream = self.path.open("a+b")
        self._places = self._read()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, meaning: bytes) -> bool:
        return meaning in self._places

    def vectors(self, meanings: Sequence[bytes]) -> Vectors:
        """The vectors of these, shape (n, dimensions)."""
        found = np.empty((len(meanings), self._dimensions), dtype=np.float32)
        for row, meaning in enumerate(meanings):
            raw = os.pread(self._stream.fileno(), 4 * self._dimensions, self._places[meaning] + _MEANING + _CHECK)
            found[row] = np.frombuffer(raw, dtype="<f4")
        return found

    def add(self, meanings: Sequence[bytes], vectors: Vectors) -> None:
        """Keep a batch; it is on the disk when this returns."""
        place = self._stream.seek(0, os.SEEK_END)
        parts: list[bytes] = []
        for meaning, vector in zip(meanings, np.ascontiguousarray(vectors, dtype="<f4"), strict=True):
            raw = vector.tobytes()
            parts += (meaning, zlib.crc32(meaning + raw).to_bytes(_CHECK, "little"), raw)
            self._places[meaning] = place
            place += self._record
        self._stream.write(b"".join(parts))
        self._stream.flush()
        os.fdatasync(self._stream.fileno())

    def _read(self) -> dict[bytes, int]:
        """Meaning → where its record begins; what follows a record that is not whole is cut off."""
        places: dict[bytes, int] = {}
        self._stream.seek(0)
        good = 0
        while len(record := self._stream.read(self._record)) == self._record:
            meaning, check = record[:_MEANING], record[_MEANING : _MEANING + _CHECK]
            if zlib.crc32(meaning + record[_MEANING + _CHECK :]).to_bytes(_CHECK, "little") != check:
                break
            places[meaning] = good
            good += self._record
        self._stream.truncate(good)
        return places

    def __enter__(self) -> Encoded:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()
