"""Batch: a file of requests in, a folder of results out; running it again continues.

Knows files and concurrency; what happens to one record is app.py's business. The journal is the truth: results.jsonl is
written from it at the start of every run (which mends a line that a crash cut in half) and grows as records finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engine import Engine
from pipeline.app import App, Pipeline, index_identity
from pipeline.errors import UsageError
from pipeline.events import Listener
from pipeline.gateway import WAITS
from pipeline.journal import Journal
from pipeline.manifest import Manifest
from pipeline.outcome import STATUSES, Outcome
from pipeline.prompts import PROMPTS_HASH
from pipeline.record import Record
from pipeline.requests import Requests

if TYPE_CHECKING:
    from index.embedding import Embedder
    from index.retriever import Retriever

RESULTS, ERRORS, JOURNAL, LOCK = "results.jsonl", "errors.jsonl", "journal.sqlite", ".lock"


@dataclass(frozen=True)
class Summary:
    """What one run of a batch did. Counts cover the whole folder; seconds and `finished` this run alone.

    `engine_seconds`: wall seconds during which at least one call was with the engine. `tokens`: prompt, completion.
    """

    records: int
    finished: int
    statuses: Mapping[str, int]
    intents: Mapping[str, int]
    errors: int
    tokens: Mapping[str, int]
    attempts: int
    seconds: float
    engine_seconds: float

    def row(self) -> dict[str, Any]:
        """Ready for JSON: the last line that `interlock run` prints."""
        return asdict(self)

    @property
    def exit_code(self) -> int:
        """0 when every record reached a status without failing, 1 when some failed."""
        return 1 if self.statuses.get("failed") else 0


async def run_batch(
    app: App,
    requests: Requests,
    out: Path,
    *,
    engine: Engine | None = None,
    embedder: Embedder | None = None,
    retriever: Retriever | None = None,
    concurrency: int = 16,
    today: date | None = None,
    seed: int = 0,
    waits: Sequence[float] = WAITS,
    listeners: Sequence[Listener] = (),
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Summary:
    """Bring every record to a status, into the folder `out`; records that have one already are left alone.

    `today` is the day that "tomorrow" counts from; a folder keeps the day of its first run. Raises UsageError with
    nothing changed; EngineUnavailable, JournalError and CancelledError leave every unfinished record to be continued.
    """
    if concurrency < 1:
        raise UsageError(f"The concurrency is {concurrency}: it must be at least 1.")
    try:
        await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {out} cannot be made ({error.strerror}): choose another.") from error
    with _locked(out):
        if not (out / JOURNAL).exists() and any((out / name).exists() for name in (RESULTS, ERRORS)):
            raise UsageError(f"{out} holds results without their journal, which would be lost: use a new folder.")
        manifest = Manifest(
            app=app.name,
            model=engine.name if engine else "none",
            identity=engine.identity if engine else "none",
            contracts=app.contracts,
            prompts=PROMPTS_HASH,
            index=None if retriever is None else index_identity(retriever),
            seed=seed,
            today=(today or date.today()).isoformat(),
            enforcement=engine.enforcement if engine else "grammar",
        ).settle(out, today)
        async with Journal.open(out / JOURNAL) as journal:
            batch = _Batch(requests, out, journal)
            pipeline = await Pipeline.open(
                app,
                journal,
                out,
                date.fromisoformat(manifest.today),
                embedder=embedder,
                engine=engine,
                retriever=retriever,
                seed=seed,
                listeners=listeners,
                waits=waits,
                progress=progress,
            )
            journal.begin_run(asdict(manifest))
            started = time.perf_counter()
            finished = await batch.work(pipeline, concurrency, on_outcome)
            journal.end_run()
            busy = pipeline.gateway.busy_seconds if pipeline.gateway else 0.0
            return batch.tally.summary(finished, requests.errors, time.perf_counter() - started, busy)


@dataclass
class _Tally:
    """Counts over outcomes, without keeping them."""

    statuses: Counter[str] = field(default_factory=Counter)
    intents: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    attempts: int = 0

    def count(self, row: Mapping[str, Any]) -> None:
        self.statuses[row["status"]] += 1
        self.intents[row["intent"] or "undecided"] += 1
        self.tokens.update(row["receipt"]["tokens"])
        self.attempts += row["receipt"]["attempts"]

    def summary(self, finished: int, errors: int, seconds: float, engine_seconds: float) -> Summary:
        return Summary(
            records=self.statuses.total(),
            finished=finished,
            statuses={status: self.statuses[status] for status in STATUSES},
            intents=dict(self.intents.most_common()),
            errors=errors,
            tokens={"prompt": self.tokens["prompt"], "completion": self.tokens["completion"]},
            attempts=self.attempts,
            seconds=round(seconds, 3),
            engine_seconds=round(engine_seconds, 3),
        )


class _Batch:
    """The folder's side of a run: what is left to do, and the results as they come."""

    def __init__(self, requests: Requests, out: Path, journal: Journal) -> None:
        self.tally = _Tally()
        self._out = out
        self._requests = requests
        self._journal = journal
        for record in requests if journal.begun() else ():  # before anything is written
            known = journal.record(record.id)
            if known is not None and known[0] != record.input:
                raise UsageError(
                    f"{out} holds a record '{record.id}' with another text: use a new folder or another custom_id."
                )
        _write(out / ERRORS, (json.dumps(asdict(error), ensure_ascii=False) for error in requests.bad_lines()))
        _write(out / RESULTS, self._counted(journal.lines()))

    async def work(self, pipeline: Pipeline, concurrency: int, on_outcome: Callable[[Outcome], None]) -> int:
        """Serve what is left; returns how many records reached a status. The first error that stops a run is raised."""
        queue = self._left()
        finished = 0

        async def worker(results: io.TextIOWrapper) -> None:
            nonlocal finished
            for record in queue:
                outcome, line = await pipeline.handle_to_line(record)
                results.write(line + "\n")
                results.flush()
                self.tally.count(outcome.row())
                finished += 1
                on_outcome(outcome)

        with (self._out / RESULTS).open("a", encoding="utf-8") as results:
            workers = [asyncio.create_task(worker(results)) for _ in range(min(concurrency, self._requests.records))]
            try:
                await asyncio.gather(*workers)
            finally:
                for task in workers:
                    task.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return finished

    def _left(self) -> Iterator[Record]:
        for record in self._requests:
            known = self._journal.record(record.id)
            if known is None or known[1] is None:
                yield record

    def _counted(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.tally.count(json.loads(line))
            yield line


def _write(path: Path, lines: Iterator[str]) -> None:
    """Replace a file by these lines, whole or not at all."""
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", encoding="utf-8") as stream:
        stream.writelines(line + "\n" for line in lines)
    unfinished.replace(path)


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One process at a time: two would serve the same records twice."""
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"Another process is working in {out}: wait for it, or use another folder.") from None
        yield
