"""Replay: walks a workflow along the steps its record has in the journal, and writes the steps that are new.

Knows positions, digests and durability; does not know what a step does. A workflow is always called from the top.
A recorded step returns at once, a recorded None included; one that does not match what was recorded is a
ReplayMismatch; a new one runs and is durable before its result is used. What a step returns is always what its journal
entry reads as, so that the first run and a replay see the same value.

Positions are counted per task: steps under `asyncio.gather` find their entries again whatever order they end in, as
long as each task's first await is a step.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from models.errors import ModelError
from pipeline.errors import InterlockError, Refused, ReplayMismatch, StepFailed, Suspend, UsageError
from pipeline.events import ActionCommitted, Asked, Event, StepFinished, StepStarted
from pipeline.journal import Journal
from pipeline.outcome import Escalation, Question
from pipeline.rows import ActionRow, Past
from pipeline.step import StepRow, canonical, digest
from pipeline.workflow import Action


@dataclass
class Note:
    """What a step may add to its journal entry beside its result."""

    attempt: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


Body = Callable[[Note, Callable[[], None]], Awaitable[Any]]
"""A workflow called as a step: it may add to its journal entry, and calls the function to begin another pass."""


@dataclass(eq=False)
class _Branch:
    """One task of a workflow, and how many steps and further tasks it has started.

    `scope` names the calls of other workflows around it; equal steps are counted within their scope.
    """

    replay: Replay
    task: asyncio.Task[Any] | None
    path: str = ""
    scope: str = ""
    steps: int = 0
    children: int = 0


_BRANCH: ContextVar[_Branch | None] = ContextVar("branch", default=None)
_TEXT: TypeAdapter[str] = TypeAdapter(str)


@dataclass(frozen=True)
class _Call:
    """One call of a step: what is known before it runs."""

    scope: str
    position: str
    name: str
    digest: str
    occurrence: int
    arguments: object


class Replay:
    """The journal's side of one pass over one record. Create it inside the task that runs the workflow.

    `idle_actions`: an action that was not begun before is an Escalation instead, which says what would be done.
    """

    def __init__(
        self,
        record: str,
        journal: Journal,
        today: date,
        state: Path,
        past: Past | None = None,
        tell: Callable[[Event], None] = lambda event: None,
        idle_actions: bool = False,
    ) -> None:
        self.record = record
        self.today = today
        self.state = state
        self.steps: list[StepRow] = []
        """Every step of this pass so far, recorded or new, in the order in which they ended."""
        self._idle_actions = idle_actions
        self._journal = journal
        self._tell = tell
        self._past: Mapping[str, StepRow] = past.steps if past else {}
        self._ledger: dict[str, ActionRow] = dict(past.actions) if past else {}
        self._root = _Branch(self, asyncio.current_task())
        self._tasks: list[asyncio.Task[Any]] = []
        self._occurrences: Counter[tuple[str, str, str]] = Counter()
        self._visited = 0
        self._passes = 0
        self._part = ""

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
    ) -> Any:
        """The result of a step, from the journal or by running it.

        Raises StepFailed for what the step raised, now or when it was recorded; UsageError if its result does not fit
        its annotation; errors of Interlock and of engines as they are, unrecorded.
        """
        call = self._call(name, arguments)
        if (recorded := self._recorded(call)) is not None:
            return self._restore(recorded, adapter)
        self._tell(StepStarted(self.record, call.position, name))
        note, started, clock = Note(), time.time(), time.perf_counter()
        try:
            result, error = self._dump(name, await execute(note), adapter), None
        except (Escalation, StepFailed) as raised:
            result, error = None, _error(raised)
        except (InterlockError, ModelError):
            raise
        except Exception as raised:
            row = self._row(call, note, started, clock, None, _error(raised))
            await self._journal.keep(self.record, row)
            self._done(row)
            raise self._failure(row) from raised
        row = self._row(call, note, started, clock, result, error)
        await self._journal.keep(self.record, row)
        self._done(row)
        return self._restore(row, adapter)

    async def nest(self, name: str, arguments: object, body: Body, adapter: TypeAdapter[Any]) -> tuple[Any, Note]:
        """The result of a whole workflow called as one step, and the note that `body` made of it.

        The steps inside get positions inside it ("3/1"). Raises what the workflow raises, unrecorded.
        """
        call = self._call(name, arguments)
        if (recorded := self._recorded(call)) is not None:
            inner = [step for position, step in self._past.items() if position.startswith(f"{call.position}/")]
            self._visited += len(inner)
            self.steps[-1:-1] = inner
            return self._restore(recorded, adapter), Note(detail=dict(recorded.detail))
        self._tell(StepStarted(self.record, call.position, name))
        note, started, clock = Note(), time.time(), time.perf_counter()
        scope = f"{call.scope}{name}#{call.digest}#{call.occurrence}/"
        passes = 0

        def start_over() -> None:
            nonlocal passes
            passes += 1
            self._forget(scope)
            _BRANCH.set(_Branch(self, asyncio.current_task(), f"{call.position}/again{passes}:", scope))

        token = _BRANCH.set(_Branch(self, asyncio.current_task(), f"{call.position}/", scope))
        try:
            value = await body(note, start_over)
        finally:
            _BRANCH.reset(token)
        row = self._row(call, note, started, clock, self._dump(name, value, adapter), None)
        await self._journal.keep(self.record, row)
        self._done(row)
        return self._restore(row, adapter), note

    async def ask(self, question: Question, about: Sequence[object] = ()) -> str:
        """The answer to a question, from the journal; else Suspend, with the question kept for a person.

        `about`: what else the answer is bound to, so that it counts for nothing else.
        """
        call = self._call("ask", [question.field, question.text, question.choices, *about])
        if (recorded := self._recorded(call)) is not None:
            return str(self._restore(recorded, _TEXT))
        await self._journal.park(
            self.record, StepRow(call.position, call.name, call.digest, call.occurrence, None), question
        )
        self._tell(Asked(self.record, question))
        raise Suspend(question)

    async def do(
        self, action: Action[..., Any], args: Sequence[object], intent: str = "", approval: str | None = None
    ) -> Any:
        """The result of an action that happens once: reserve, execute under its key, commit.

        Found reserved but not committed, it is looked up through its check; without one, a person is asked to
        (Escalation), for nothing here can know whether it happened. Raises Refused if the action said that it did
        nothing, StepFailed if it failed and its check says the same.
        """
        call = self._call(action.name, list(args))
        if (recorded := self._recorded(call)) is not None:
            return self._restore(recorded, action.adapter)
        key = _key(self.record, call)
        earlier = self._ledger.get(key)
        note, started, clock = Note(detail={"action": key}), time.time(), time.perf_counter()
        self._tell(StepStarted(self.record, call.position, call.name))

        async def settle(state: str, result: str | None, error: str | None) -> Any:
            row = self._row(call, note, started, clock, result, error)
            if state == "reserved":
                await self._journal.keep(self.record, row)
            else:
                await self._journal.settle(self.record, key, "committed" if state == "committed" else "refused", row)
            self._done(row)
            if state == "committed":
                self._ledger[key] = replace(reserved, state="committed", result=result)
                self._tell(ActionCommitted(self.record, action.name, key))
            return self._restore(row, action.adapter)

        reserved = ActionRow(
            key,
            self.record,
            action.name,
            call.digest,
            call.occurrence,
            canonical(args, self.state),
            intent=intent,
            approval=approval,
        )
        if earlier is not None and earlier.state == "committed":
            return await settle("committed", earlier.result, None)
        if earlier is not None and earlier.state == "reserved":
            if action.checker is None:
                return await settle("reserved", None, _error(_uncertain(action, "the process ended meanwhile")))
            found = await self._look_up(action, args, key)
            if found is not None:
                return await settle("committed", self._dump(action.name, found, action.adapter), None)
        elif self._idle_actions:
            raise Escalation("nobody", f"'{action.name}' would be done now with {canonical(args, self.state)}.")
        else:
            await self._journal.reserve(reserved)
        try:
            value = await action.function(*args, key=key)
        except Refused as raised:
            return await settle("refused", None, _error(raised))
        except Exception as raised:
            # An ordinary exception leaves open whether the effect happened (a time-out after the order was sent).
            if action.checker is None:
                why = f"it raised {type(raised).__name__}: {raised}"
                return await settle("reserved", None, _error(_uncertain(action, why)))
            found = await self._look_up(action, args, key)
            if found is None:
                return await settle("refused", None, _error(raised))
            value = found
        return await settle("committed", self._dump(action.name, value, action.adapter), None)

    def _here(self) -> _Branch:
        """The branch of the task that is running, made if this is its first step."""
        branch, task = _BRANCH.get(), asyncio.current_task()
        if branch is None or branch.replay is not self:
            branch = self._root
        if branch.task is not task:
            branch.children += 1
            branch = _Branch(self, task, f"{branch.path}{branch.children}.", branch.scope)
            _BRANCH.set(branch)
            if task is not None:
                self._tasks.append(task)
        return branch

    def begin(self, part: str) -> None:
        """Steps from here on belong to a part of the record: positions inside it ("part2/1"), and keys of their own."""
        self._part, self._passes = f"{part}/", 0
        self._root = _Branch(self, asyncio.current_task(), self._part, self._part)

    def start_over(self) -> None:
        """A workflow is called once more in the same record or part: its steps get positions of their own.

        Occurrences start over as well, so that an action already done keeps its key and is not done again.
        """
        self._passes += 1
        self._root = _Branch(self, asyncio.current_task(), f"{self._part}again{self._passes}:", self._part)
        self._forget(self._part)

    def completed(self) -> None:
        """The workflow came to its end: ReplayMismatch if the journal holds steps that it did not call."""
        if self._visited < len(self._past):
            seen = {step.position for step in self.steps}
            left = next(step for step in self._past.values() if step.position not in seen)
            raise ReplayMismatch(self.record, left.position, left.name, "nothing", "the workflow ended before")

    async def close(self) -> None:
        """End tasks that the workflow left behind, such as the others of a gather in which one asked."""
        left = [task for task in self._tasks if not task.done()]
        self._tasks.clear()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _call(self, name: str, arguments: object) -> _Call:
        try:
            marked = digest(arguments, self.state)
        except (PydanticSerializationError, ValueError, TypeError) as error:
            raise UsageError(
                f"The arguments of '{name}' cannot be kept in the journal ({error}): pass data, not objects."
            ) from error
        branch = self._here()
        branch.steps += 1
        occurrence = self._occurrences[branch.scope, name, marked]
        self._occurrences[branch.scope, name, marked] += 1
        return _Call(branch.scope, f"{branch.path}{branch.steps}", name, marked, occurrence, arguments)

    def _forget(self, scope: str) -> None:
        """Count equal steps of a scope from zero again, so that an action already done keeps its key."""
        for counted in [key for key in self._occurrences if key[0].startswith(scope)]:
            del self._occurrences[counted]

    def _recorded(self, call: _Call) -> StepRow | None:
        step = self._past.get(call.position)
        if step is None:
            return None
        if step.name != call.name or step.digest != call.digest:
            changed = "another step" if step.name != call.name else "its arguments differ"
            raise ReplayMismatch(self.record, call.position, step.name, call.name, changed)
        self._visited += 1
        self.steps.append(step)
        return step

    def _row(
        self, call: _Call, note: Note, started: float, clock: float, result: str | None, error: str | None
    ) -> StepRow:
        return StepRow(
            call.position,
            call.name,
            call.digest,
            call.occurrence,
            result,
            error,
            note.attempt,
            note.prompt_tokens,
            note.completion_tokens,
            started,
            time.perf_counter() - clock,
            note.detail,
        )

    def _done(self, row: StepRow) -> None:
        self.steps.append(row)
        self._tell(StepFinished(self.record, row.position, row.name, row.seconds, row.error is not None))

    def _dump(self, name: str, value: object, adapter: TypeAdapter[Any]) -> str:
        try:
            return adapter.dump_json(value, warnings="error").decode()
        except (PydanticSerializationError, UnicodeError) as error:
            raise UsageError(
                f"'{name}' returned {type(value).__name__}, which is not what its annotation says"
                f" ({str(error).splitlines()[0]}): correct one of them."
            ) from error

    def _restore(self, row: StepRow, adapter: TypeAdapter[Any]) -> Any:
        if row.error is not None:
            raise self._failure(row)
        try:
            return adapter.validate_json(row.result or "null", context={"today": self.today})
        except ValueError as error:
            raise ReplayMismatch(
                self.record, row.position, row.name, row.name, "its result no longer reads as its annotation says"
            ) from error

    def _failure(self, row: StepRow) -> BaseException:
        error: dict[str, str] = json.loads(row.error or "{}")
        if error["kind"] == "Escalation":
            return Escalation(error["to"], error["message"])
        if error["kind"] == "Refused":
            return Refused(error["message"], row.name)
        return StepFailed(row.name, error["kind"], error["message"])

    async def _look_up(self, action: Action[..., Any], args: Sequence[object], key: str) -> Any:
        try:
            return await action.happened(args, key)
        except Exception as raised:
            raise _uncertain(action, f"its check raised {type(raised).__name__}: {raised}") from raised


def _key(record: str, call: _Call) -> str:
    """The idempotency key: the same for the same call of the same record, in every process."""
    parts = json.dumps([record, *([call.scope] if call.scope else []), call.name, call.digest, call.occurrence])
    return hashlib.sha256(parts.encode()).hexdigest()


def _uncertain(action: Action[..., Any], why: str) -> Escalation:
    return Escalation("human", f"uncertain: whether '{action.name}' happened is not known, because {why}.")


def _error(raised: BaseException) -> str:
    if isinstance(raised, Escalation):
        return json.dumps({"kind": "Escalation", "to": raised.to, "message": raised.reason})
    if isinstance(raised, StepFailed):
        return json.dumps({"kind": raised.kind, "message": raised.message})
    return json.dumps({"kind": type(raised).__name__, "message": str(raised)})
