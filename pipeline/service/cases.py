"""Cases: what waits for people in a whole service, in conversations and in runs, and what operators do about it.

Knows which journal holds a case, and who may answer it; how one is found is inbox.py's, what an answer changes
answers.py's and dialogues.py's.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pipeline.app import App
from pipeline.batch.answers import Answer, BadAnswer, apply, give
from pipeline.batch.requests import BadLine
from pipeline.chat.desk import Desk
from pipeline.chat.dialogues import Dialogues
from pipeline.chat.inbox import Case, Inbox, Mark, Wanted
from pipeline.errors import Busy, JournalError, UsageError
from pipeline.forms import slots
from pipeline.journal.journal import Journal
from pipeline.journal.queries import Queries, reading
from pipeline.journal.tables import connect_with_tables
from pipeline.service.errors import ApiError, not_found
from pipeline.service.run_passes import RUN
from pipeline.service.run_queue import RunQueue
from pipeline.service.run_readings import OPEN
from pipeline.service.tokens import Caller

log = logging.getLogger("interlock.service")

WAITING = ("needs_input", "escalated")
_LEFT = (
    "SELECT 1 FROM questions AS q JOIN records AS r ON r.id = q.record AND r.status IS NULL"
    " WHERE q.answer IS NOT NULL LIMIT 1"
)
EXPIRED = "Its question was not answered in time, and it is with a person"


@dataclass(frozen=True)
class CasePage:
    """Some cases, and the mark behind them if there are more; how many are in each state, and were found in all."""

    cases: list[Case]
    next: Mark | None
    counts: dict[str, int]


@dataclass(frozen=True)
class Standing:
    """How many cases are open and taken; since when the oldest open one waits (Unix time; None: there is none)."""

    waits: Mapping[Literal["open", "taken"], int]
    since: float | None


class Cases:
    """Of one service. What reads may be called in a thread; what a case's run is called "" means a conversation."""

    def __init__(self, app: App, journal: Journal, dialogues: Dialogues, runs: RunQueue) -> None:
        self._app = app
        self._journal = journal
        self._dialogues = dialogues
        self._runs = runs
        self._ready: set[str] = set()
        """Runs of which the journal is known to have all tables: an earlier version's may lack some."""

    def page(self, wanted: Wanted, by: str, run: str | None, after: Mark | None, limit: int) -> CasePage:
        """The cases that are wanted behind a mark, of all journals or of one run; `by`: who asks, for the counts."""
        found: list[list[Case]] = []
        counts = {"open": 0, "taken": 0, "mine": 0, "found": 0}
        for inbox in self._inboxes(wanted, run):
            found.append(inbox.page(wanted, after, limit + 1))
            counts["open"] += inbox.count(Wanted("open"))
            counts["taken"] += inbox.count(Wanted("taken"))
            counts["mine"] += inbox.count(Wanted("taken", by=by)) if by else 0
            counts["found"] += inbox.count(wanted)
        merged = heapq.merge(*found, key=lambda case: case.mark, reverse=wanted.latest_first)
        cases = list(islice(merged, limit + 1))
        return CasePage(cases[:limit], cases[limit - 1].mark if len(cases) > limit > 0 else None, counts)

    def standing(self) -> Standing:
        """What waits now, in conversations and in all runs."""
        waits: dict[Literal["open", "taken"], int] = {"open": 0, "taken": 0}
        first: list[float] = []
        for inbox in self._inboxes(Wanted(), None):
            for state in waits:
                waits[state] += inbox.count(Wanted(state))
            first += [case.at for case in inbox.page(Wanted("open"), None, 1)]
        return Standing(waits, min(first, default=None))

    def one(self, run: str, record: str) -> Case:
        """A case. ApiError 404."""
        with self._reading(run) as journal:
            case = Inbox(journal, run).one(record)
        if case is None:
            raise not_found("case", "Choose one from the desk.")
        return case

    async def take(self, run: str, record: str, by: Caller) -> None:
        """From now on the case is this operator's alone. ApiError 404; UsageError if it is another's, or closed."""
        case = self._free(run, record, by)
        if case.state == "taken":
            return
        if case.kind == "escalation" and not run:
            await self._dialogues.take(record, by.shown)
        else:
            async with self._writing(run) as journal:
                await Desk(journal).hold(record, by.shown)

    async def answer(self, run: str, record: str, text: str, by: Caller, question: str | None = None) -> None:
        """Answer a question, approve or not ("yes", "no"), tell a conversation's customer something, or say what came
        of a run's record that was handed over; a run goes on by itself. `question`: what it answers, and no other.
        ApiError 404, 422; UsageError as `take`, and for an answer that comes too late.
        """
        case = self._free(run, record, by)
        if question is None and case.expired and case.state == "open":  # what it answers may be what was asked before
            raise Busy(f"{EXPIRED}: take it over first, or close it with what came of it.")
        if question not in (None, case.asks):
            raise Busy(f"{EXPIRED}." if case.expired else "Something else is asked by now: look at the case again.")
        if case.kind == "approval":
            self._may_approve(case, by)
        if run:
            try:
                async with self._writing(run) as journal:
                    given = Answer(0, record, text, closes=case.kind == "escalation")
                    await give(journal, given, self._app, by.shown)
            except BadAnswer as error:
                raise ApiError(422, "invalid", str(error), "Answer what is asked.") from None
        elif case.kind == "approval":
            yes = slots.match(text, ("yes", "no"))
            if yes is None:
                raise ApiError(422, "invalid", f'"{text[:60]}" is no answer to "{case.asks}".', "It is yes or no.")
            await self._dialogues.approve(record, by.shown, yes == "yes", by.owner)
        else:
            await self._dialogues.answer(record, by.shown, text)

    async def resume(self) -> None:
        """Go on with the runs of which a record was answered, or its question expired, just before the process was
        killed: the journal knows that, and the run's note does not yet.
        """
        for run in await asyncio.to_thread(self._answered):
            with suppress(KeyError, Busy):  # deleted, or a command goes on with it
                async with self._runs.opened(run):
                    log.warning("Run %s goes on with what was answered", run)

    def _answered(self) -> list[str]:
        found = []
        for note in self._runs.all():
            if note["state"] not in OPEN:
                with suppress(KeyError, JournalError, ApiError), self._reading(note["id"]) as journal:
                    found += [note["id"]] if journal.read(_LEFT) else []
        return found

    async def close(self, run: str, record: str, text: str, by: Caller) -> None:
        """An escalation is settled, with last words or without. ApiError 404, 409 for another kind of case."""
        case = self._free(run, record, by)
        if case.kind != "escalation":
            raise ApiError(409, "conflict", "This waits for an answer, and is closed by one.", "Answer it.")
        if not run:
            await self._dialogues.close(record, by.shown, text)
            return
        async with self._writing(run) as journal:
            await Desk(journal).close(record, by.shown, text)

    async def apply(self, run: str, file: Path, by: Caller) -> tuple[list[str], list[BadLine]]:
        """Give a file of answers to a run's records, as `interlock answer` does: which got one, which lines were left
        out. ApiError 404, 422 for an empty file.
        """

        def journal_of(record: str) -> Journal:
            case = Inbox(journal, run).one(record)
            try:
                if case is not None and case.state == "taken" and case.by != by.shown:
                    raise Busy(f"'{case.by}' has taken '{record}': leave it to them.")
                if case is not None and case.kind == "approval" and case.state != "closed":
                    self._may_approve(case, by)
            except UsageError as error:
                raise BadAnswer(str(error)) from None
            except ApiError as error:
                raise BadAnswer(error.message) from None
            return journal

        try:
            async with self._writing(run) as journal:
                return await apply(journal_of, file, self._app, by.shown)
        except UsageError as error:
            if isinstance(error, Busy):
                raise
            raise ApiError(
                422, "invalid", "The file of answers is empty.", 'Write {"custom_id", "answer"} a line.'
            ) from None

    def _may_approve(self, case: Case, by: Caller) -> None:
        if not by.approves(case.to):
            raise ApiError(
                403, "forbidden", f"This is for the {case.to} to approve.", "Ask somebody who has that role."
            )
        if case.run and self._runs.notes.one(case.run).get("by") == by.owner:
            raise Busy("Whoever asks does not approve: it takes another one's token than that of the upload.")

    def _free(self, run: str, record: str, by: Caller) -> Case:
        case = self.one(run, record)
        if case.state == "closed":
            raise UsageError("This case is closed already.")
        if case.state == "taken" and case.by != by.shown:
            raise Busy(f"{case.by} has taken this case: leave it to them.")
        return case

    @asynccontextmanager
    async def _writing(self, run: str) -> AsyncIterator[Journal]:
        if not run:
            yield self._journal
            return
        try:
            async with self._runs.opened(run) as journal:
                yield journal
        except KeyError:
            raise not_found("run", "GET /runs lists them.") from None

    def _reading(self, run: str) -> AbstractContextManager[Queries]:
        return reading(self._journal.path if not run else self._path(run))

    def _inboxes(self, wanted: Wanted, run: str | None) -> Iterator[Inbox]:
        if not run:
            with self._reading("") as journal:
                yield Inbox(journal)
        for note in self._runs.all():
            if note.get("kind", RUN) != RUN or (run is not None and note["id"] != run):
                continue
            summary = note["summary"]
            ended = note["state"] in ("finished", "stopped") and summary is not None
            if ended and wanted.state != "closed" and not any(summary["statuses"].get(one) for one in WAITING):
                continue
            try:
                with self._reading(note["id"]) as journal:
                    yield Inbox(journal, note["id"])
            except (KeyError, JournalError, ApiError):  # not begun, gone meanwhile, or no room to read it
                continue

    def _path(self, run: str) -> Path:
        try:
            path = self._runs.journal(run)
        except KeyError:
            path = None
        if path is None:
            raise not_found("run", "GET /runs lists them.")
        if run not in self._ready:
            connect_with_tables(path).close()
            self._ready.add(run)
        return path


def of_mark(text: str) -> Mark:
    """A mark from what a client sends back of one. ApiError 422."""
    at, _, rest = text.partition("|")
    run, parted, record = rest.partition("|")
    try:
        if parted:
            return float(at), run, record
    except ValueError:
        pass
    raise ApiError(422, "invalid", "'after' is no mark of a page.", "Send the 'next' of the page before.")


def to_text(mark: Mark) -> str:
    """A mark as clients send it back."""
    return f"{mark[0]!r}|{mark[1]}|{mark[2]}"
