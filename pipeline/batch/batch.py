"""Batch: a file of requests in, a folder of results out; running it again continues.

Knows concurrency and what is left to do; what happens to one record is app.py's business, how files are written
folder.py's. The journal is the truth: every other file is a reading of it, made at the start and at the end of every
run (which mends a line that a crash cut in half); results.jsonl also grows as records finish. Records that may have
killed a process come last, one at a time (quarantine.py).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from models.engines.engine import Engine
from pipeline.app import App
from pipeline.batch import exports
from pipeline.batch.requests import Requests
from pipeline.batch.summary import Summary, Tally
from pipeline.errors import JournalError, UsageError
from pipeline.events import Listener
from pipeline.files import Growing, growing, write_lines, write_rows
from pipeline.journal.expiry import due, expired
from pipeline.journal.journal import Journal
from pipeline.journal.quarantine import convicted, sentence
from pipeline.outcome import Outcome
from pipeline.record import Record
from pipeline.runtime.concurrency import START, ConcurrencyLimit
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.folder import Folder
from pipeline.runtime.launch import Concurrency, Launch
from pipeline.runtime.pipeline import Pipeline
from pipeline.runtime.session import Session

PASSED = 100
"""Records that have a status already, looked at in a row: a few milliseconds."""


async def run_batch(
    app: App,
    requests: Requests | None,
    out: Path,
    equipment: Equipment = Equipment(),
    launch: Launch = Launch(),
    *,
    today: date | None = None,
    state: Path | None = None,
    retry: Collection[str] = (),
    expire: float | None = None,
    accept_changes: bool = False,
    stop: asyncio.Event | None = None,
    listeners: Sequence[Listener] = (),
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Summary:
    """Bring every record to a status, into the folder `out`; records that have one already are left alone.

    `requests`: None goes on with the records that the folder holds. `launch`: seed, concurrency, gate and wait count
    here; all of it is kept for a later command that opens the same again. `today` is the day that "tomorrow" counts
    from; a folder keeps the day of its first run. `retry`: statuses ("failed", "escalated") and ids of records to serve
    once more. `expire`: seconds after which a question that nobody answered goes to a person. `state` and
    `accept_changes` as for `Session.begin`. Once `stop` is set, no further record is begun.

    Raises UsageError with nothing changed; EngineUnavailable, JournalError and CancelledError leave every unfinished
    record to be continued.
    """
    if launch.concurrency != "auto" and launch.concurrency < 1:
        raise UsageError(f"The concurrency is {launch.concurrency}: it must be at least 1.")
    async with Session.open(app, out) as session:
        folder, journal = session.folder, session.journal
        if requests is not None:  # before anything is written
            await asyncio.to_thread(refuse_other_texts, requests, journal, out)
        pipeline = await session.begin(
            equipment,
            launch,
            today=today,
            state=state,
            accept_changes=accept_changes,
            listeners=listeners,
            progress=progress,
        )
        if requests is not None:
            journal.expect(requests.records)
        if retry:
            await journal.retry(retry)
        if expire is not None:
            await expire_all(journal, expire)
        batch = _Batch(requests, folder, journal)
        await asyncio.to_thread(batch.write)  # in a long run a matter of seconds, in which others are served
        level = _level(launch.concurrency, equipment.engine, progress)
        started = time.perf_counter()
        try:
            async with level:
                finished = await batch.work(pipeline, level, on_outcome, stop or asyncio.Event())
        except BaseException:
            with suppress(OSError, JournalError):  # the error in flight says more
                exports.write(folder, journal)
            raise
        await asyncio.to_thread(exports.write, folder, journal)
        busy = pipeline.client.busy_seconds if pipeline.client else 0.0
        errors = requests.errors if requests is not None else 0
        return batch.tally.summary(finished, errors, time.perf_counter() - started, busy)


def _level(concurrency: Concurrency, engine: Engine | None, progress: Callable[[str], None]) -> ConcurrencyLimit:
    if concurrency != "auto":
        return ConcurrencyLimit(concurrency)
    return ConcurrencyLimit(START) if engine is None else ConcurrencyLimit.auto(engine, progress)


async def expire_all(journal: Journal, age: float) -> int:
    """End the wait for answers that nobody gave within so many seconds; how many of the records go on, to a person."""
    late = [one for one in due(journal, time.time() - age) if one.conversation is None]
    for one in late:
        await journal.write(*expired(one, age))
    return len(late)


def refuse_other_texts(requests: Requests, journal: Journal, out: Path) -> None:
    """UsageError if the journal of `out` knows one of the records with another text."""
    for record in requests if journal.begun() else ():
        known = journal.record(record.id)
        if known is not None and known[0] != record.input:
            raise UsageError(
                f"{out} holds a record '{record.id}' with another text: use a new folder or another custom_id."
            )


class _Batch:
    """The folder's side of a run: what is left to do, and the results as they come."""

    def __init__(self, requests: Requests | None, folder: Folder, journal: Journal) -> None:
        self.tally = Tally()
        self._folder = folder
        self._requests = requests
        self._journal = journal

    def write(self) -> None:
        """Bring the folder's files in line with the journal, before any record is served."""
        if self._requests is not None:
            write_rows(self._folder.errors, (error.row() for error in self._requests.bad_lines()))
        write_lines(self._folder.results, self._counted(self._journal.lines()))

    async def work(
        self, pipeline: Pipeline, level: ConcurrencyLimit, on_outcome: Callable[[Outcome], None], stop: asyncio.Event
    ) -> int:
        """Serve what is left; returns how many records reached a status. The first error that stops a run is raised."""
        suspicion = self._journal.suspects()
        suspects: list[Record] = []
        finished = 0

        def unsuspected() -> Iterator[tuple[Record, bool] | None]:
            for left in self._left():
                if left is not None and left[0].id in suspicion:
                    suspects.append(left[0])
                else:
                    yield left

        queue = unsuspected()

        def keep(results: Growing, outcome: Outcome, line: str) -> None:
            nonlocal finished
            results.add(line)
            receipt = outcome.receipt
            self.tally.add(outcome.status, outcome.intent, receipt.tokens, receipt.attempts)
            finished += 1
            on_outcome(outcome)

        async def worker(results: Growing) -> None:
            while not stop.is_set():
                async with level.slot():  # the slot first: no record is read ahead
                    try:
                        left = next(queue)
                    except StopIteration:
                        return
                    if left is None:
                        await asyncio.sleep(0)
                        continue
                    record, begun = left
                    keep(results, *await pipeline.serve_to_line(record, begun=begun))

        with growing(self._folder.results) as results:
            workers = [asyncio.create_task(worker(results)) for _ in range(level.most)]
            try:
                await asyncio.gather(*workers)
            finally:
                for task in workers:
                    task.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            for record in sorted(suspects, key=lambda record: suspicion[record.id]):
                if stop.is_set():
                    break
                keep(results, *await self._serve_alone(pipeline, record, suspicion[record.id]))
        return finished

    async def _serve_alone(self, pipeline: Pipeline, record: Record, suspicion: int) -> tuple[Outcome, str]:
        """Serve a record that may kill the process, unless it is convicted of that."""
        # Most are not convicted in any case; only for the others it is worth counting the kills.
        if convicted(suspicion, 0) and convicted(suspicion, self._journal.unexplained()):
            return await pipeline.quarantine(record, sentence(record.id, suspicion))
        return await pipeline.serve_to_line(record, alone=True)

    def _left(self) -> Iterator[tuple[Record, bool] | None]:
        """What has no status, and whether work on it was begun; None after so many that have one: others shall have
        their turn between them.
        """
        if self._requests is None:
            yield from ((record, True) for record in self._journal.unfinished())
            return
        begun, passed = self._journal.begun(), 0
        for record in self._requests:
            known = self._journal.record(record.id) if begun else None
            if known is None or known[1] is None:
                yield record, known is not None
            else:
                passed += 1
                if passed % PASSED == 0:
                    yield None

    def _counted(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.tally.count(json.loads(line))
            yield line
