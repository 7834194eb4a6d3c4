"""RunReadings: what is known of the runs below one folder, from their notes and their journals. Changes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import JournalError
from pipeline.journal.queries import reading
from pipeline.runtime.folder import Folder
from pipeline.service.run_notes import NOTE, RunNotes
from pipeline.service.run_pace import RunPace
from pipeline.service.timeline import counts, declined

OPEN = ("waiting", "running", "pausing", "cancelling", "deleting")
"""States of a run that is served, or waits for its turn."""


@dataclass(frozen=True)
class RunProgress:
    """How many runs are in which state; of those that are not at their end, records that are done, and the others."""

    states: Mapping[str, int]
    done: int
    waiting: int


class RunReadings:
    """The reading half of a `RunQueue`: see there."""

    def __init__(self, folder: Path) -> None:
        self.notes = RunNotes(folder)
        self.pace = RunPace()
        """Of the runs that are served."""
        self._declined: dict[str, tuple[str, int]] = {}

    def all(self) -> list[dict[str, Any]]:
        """The runs, newest first."""
        return self.notes.all()

    def one(self, id: str) -> dict[str, Any]:
        """A run with how many of its records have which status; none while that cannot be read. `declined`: of those
        completed, how many asked for something that is not done here. KeyError.

        While it is served: `rate`, records a second, and the `seconds_left` at that rate, once there is one.
        """
        note = self.notes.one(id)
        journal = self.journal(id)
        statuses: dict[str, int] = {}
        apart = 0
        if journal is not None:
            with suppress(JournalError), reading(journal) as readings:
                statuses, apart = counts(readings), declined(readings)
        rate = self.pace.rate(id) if note["state"] == "running" else None
        left = note["records"] - sum(statuses.values()) + statuses.get("running", 0)
        told = {"statuses": statuses, "declined": apart, "rate": rate}
        return {**note, **told, "seconds_left": left / rate if rate else None}

    def ended(self, note: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is noted of a run that is not served, with how many were `declined` as in `one`; read once for all."""
        if note["summary"] is None:
            return note
        told, id = repr(note["summary"]), note["id"]
        if self._declined.get(id, ("", 0))[0] != told:
            with suppress(JournalError, KeyError):
                path = self.journal(id)
                if path is not None:
                    with reading(path) as readings:
                        self._declined[id] = told, declined(readings)
        return {**note, "declined": self._declined.get(id, ("", 0))[1]}

    def progress(self) -> RunProgress:
        """How far all of them are."""
        notes = self.all()
        under_way = []
        for note in notes:
            with suppress(KeyError):  # deleted meanwhile
                if note["state"] in OPEN:
                    under_way.append(self.one(note["id"]))
        done = sum(sum(note["statuses"].values()) for note in under_way)
        return RunProgress(
            Counter(note["state"] for note in notes), done, sum(note["records"] for note in under_way) - done
        )

    def journal(self, id: str) -> Path | None:
        """The journal of a run; None before it has one. KeyError if there is no such run."""
        folder = self.notes.path(id)
        if not (folder / NOTE).is_file():
            raise KeyError(id)
        path = Folder(folder / "out").journal
        return path if path.is_file() else None
