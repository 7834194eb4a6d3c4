"""Watching: how far a run is, seen from another process, without being in its way.

Knows the files that grow while a run works: what is new in results.jsonl is read, and nothing twice, so that a million
rows cost no more than ten; how many rows there are to be stands in the journal. Shows nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.batch.shards import folders_in
from pipeline.batch.summary import Tally
from pipeline.journal.queries import reading
from pipeline.runtime.folder import Folder


@dataclass
class _Seen:
    """What was read of one folder's results: of which file, up to which byte."""

    file: int = 0
    offset: int = 0
    tally: Tally = field(default_factory=Tally)
    expected: int | None = None


class Watching:
    """The run in a folder of results, shards included. UsageError, whenever one looks, if there is none."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._seen: dict[Path, _Seen] = {}
        self.look()

    def look(self) -> Tally:
        """What became of the rows so far."""
        for folder in folders_in(self._out):
            self._read(folder, self._seen.setdefault(folder.path, _Seen()))
        total = Tally()
        for seen in self._seen.values():
            total.statuses += seen.tally.statuses
            total.tokens += seen.tally.tokens
            total.attempts += seen.tally.attempts
        return total

    @property
    def expected(self) -> int | None:
        """Rows that the run has to answer; None where that is not known."""
        found = [seen.expected for seen in self._seen.values() if seen.expected is not None]
        return sum(found) if found else None

    @property
    def works(self) -> bool:
        """Whether a process is at work in the folder."""
        return Folder(self._out).in_use() or any(folder.in_use() for folder in folders_in(self._out))

    def _read(self, folder: Folder, seen: _Seen) -> None:
        with reading(folder.journal) as journal:
            seen.expected = journal.expected()
        try:
            lines = folder.results.open("rb")
        except FileNotFoundError:  # the run has not come to that yet
            return
        with lines:
            file = folder.results.stat().st_ino
            if file != seen.file:  # made anew, as at the start of every run
                seen.file, seen.offset, seen.tally = file, 0, Tally()
            lines.seek(seen.offset)
            for line in lines:
                if not line.endswith(b"\n"):  # is being written
                    break
                seen.offset += len(line)
                seen.tally.count(json.loads(line))
