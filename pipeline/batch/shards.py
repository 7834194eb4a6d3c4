"""Shards: one run's requests, dealt by id to folders of their own, and what those hold, read back as one.

A shard is an ordinary folder of results, with its own requests, journal and manifest. The folder around them holds
readings of their journals, and the app's own files, which all of them share. Knows files; where a shard is served is
cluster.py's business.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from pipeline.batch import exports
from pipeline.batch.batch import expire_all, refuse_other_texts
from pipeline.batch.requests import Requests, read_requests
from pipeline.batch.summary import Tally
from pipeline.errors import JournalError, UsageError
from pipeline.files import replacing, write_rows
from pipeline.journal.interventions import RETRIED
from pipeline.journal.journal import Journal
from pipeline.runtime.folder import SHARDS, Folder
from pipeline.runtime.manifest import FILENAME, read_manifest

REQUESTS = "requests.jsonl"
"""A shard's share of the requests, line by line as they came."""
MOST = 256
"""Shards at most: while requests are dealt, a file is open for each."""


def shard_of(id: str, number: int) -> int:
    """Which of `number` shards a custom_id belongs to: the same on every machine and in every version."""
    digest = hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % number


def shards_in(out: Path) -> int:
    """How many shards a folder of results was made with; 0 for one without, or without a manifest."""
    return read_manifest(out).shards if (out / FILENAME).is_file() else 0


def folders_in(out: Path) -> list[Folder]:
    """The folders that hold the journals of a run: one for each shard that was begun, or `out` itself.

    UsageError if there is no run.
    """
    number = shards_in(out)
    if not number:
        return [Folder(out).found()]
    return [folder for folder in Shards(out, number).folders if folder.journal.is_file()]


def home_of(out: Path, id: str) -> Folder:
    """The folder whose journal holds a record of a run, if any does."""
    number = shards_in(out)
    return Shards(out, number).folder_of(id) if number else Folder(out)


def refuse_shard(out: Path) -> None:
    """UsageError for a folder that is a shard of another, which would be out of step with it afterwards."""
    whole = out.resolve().parent.parent
    if out.resolve().parent.name == SHARDS and shards_in(whole):
        raise UsageError(f"{out} is a shard of {whole}: give that folder.")


class Shards:
    """The shards of one folder of results. Nothing is made until requests are dealt."""

    def __init__(self, out: Path, number: int) -> None:
        """UsageError, with nothing changed, if `out` holds a run without shards, or with another number of them."""
        if not 1 <= number <= MOST:
            raise UsageError(f"{number} shards cannot be had: choose between 1 and {MOST}.")
        out = out.resolve()
        self.whole = Folder(out)
        self.folders = [Folder(out / SHARDS / f"{shard:02}") for shard in range(number)]
        made = shards_in(out)
        if made and made != number:
            raise UsageError(
                f"{out} was made with {made} shards, not with {number}, by which its records would be dealt anew: use"
                f" --shards {made}, or a new folder."
            )
        if not made and (self.whole.journal.exists() or self.whole.results.exists()):
            raise UsageError(f"{out} holds results of a run without shards: run it without --ray, or use a new folder.")

    def folder_of(self, id: str) -> Folder:
        """Where a record belongs."""
        return self.folders[shard_of(id, len(self.folders))]

    def make(self) -> None:
        """Make the folder around the shards. UsageError if it cannot be made."""
        try:
            self.whole.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The folder {self.whole.path} cannot be made ({error.strerror}): choose another."
            ) from error

    async def deal(self, requests: Requests) -> None:
        """Give every shard its share of the requests.

        UsageError, with nothing changed, for a record that is known with another text.
        """
        with ExitStack() as stack:
            files = []
            for folder in self.folders:
                folder.make()
                files.append(stack.enter_context(replacing(folder.path / REQUESTS)))
            dealt: Counter[Folder] = Counter()
            for record, line in requests.lines():
                shard = shard_of(record.id, len(files))
                files[shard].write(line.decode("utf-8").rstrip("\r\n") + "\n")
                dealt[self.folders[shard]] += 1
            for folder, file in zip(self.folders, files, strict=True):
                file.flush()
                if dealt[folder] and folder.journal.is_file():
                    async with Journal.open(folder.journal) as journal:
                        refuse_other_texts(read_requests(Path(file.name), requests.read), journal, self.whole.path)
        write_rows(self.whole.errors, (error.row() for error in requests.bad_lines()))

    def day(self) -> date | None:
        """The day of the first run; None before it."""
        if not (self.whole.path / FILENAME).is_file():
            return None
        return date.fromisoformat(read_manifest(self.whole.path).today)

    def left(self, dealt: bool) -> list[int]:
        """The shards that have anything to serve: of the requests `dealt` to them, or else in their journals."""
        return [
            shard
            for shard, folder in enumerate(self.folders)
            if ((folder.path / REQUESTS).stat().st_size if dealt else folder.journal.is_file())
        ]

    async def retry(self, which: Collection[str]) -> None:
        """As `Journal.retry`, in every shard. JournalError, with nothing changed, as there."""
        begun = [folder for folder in self.folders if folder.journal.is_file()]
        chosen = {
            folder: [one for one in which if one in RETRIED or self.folder_of(one) == folder] for folder in self.folders
        }
        for folder, ids in chosen.items():  # before anything is written
            for id in set(ids) - set(RETRIED):
                if folder not in begun or not await _is_finished(folder, id):
                    raise JournalError(f"There is no finished record '{id}' to retry: see `interlock inspect`.")
        for folder in begun:
            async with Journal.open(folder.journal) as journal:
                await journal.retry(chosen[folder])

    async def expire(self, age: float) -> None:
        """As `expire_all`, in every shard."""
        for folder in self.folders:
            if folder.journal.is_file():
                async with Journal.open(folder.journal) as journal:
                    await expire_all(journal, age)

    async def merge(self) -> Tally:
        """Bring the files of the whole in line with the shards' journals, one record in memory at a time."""
        tally, whole = Tally(), self.whole
        with (
            replacing(whole.results) as results,
            replacing(whole.questions) as questions,
            replacing(whole.escalations) as escalations,
            replacing(whole.approvals) as approvals,
        ):
            for folder in self.folders:
                if not folder.journal.is_file():
                    continue
                async with Journal.open(folder.journal) as journal:
                    for line in journal.lines():
                        tally.count(json.loads(line))
                        results.write(line + "\n")
                    for file, rows in (
                        (questions, exports.questions(journal)),
                        (escalations, exports.escalations(journal)),
                        (approvals, exports.approvals(journal)),
                    ):
                        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return tally


async def _is_finished(folder: Folder, id: str) -> bool:
    async with Journal.open(folder.journal) as journal:
        known = journal.record(id)
    return known is not None and known[1] is not None
