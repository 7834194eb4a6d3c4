"""Execution: walks a workflow along the steps its record has in the journal, and writes the steps that are new.

Knows which steps were recorded, and durability; leaves where a step stands to positions.py, how its result is written
and read to results.py, and that an action happens once to ledger.py. A workflow is always called from the top. A
recorded step returns at once, a recorded None included; one that does not match what was recorded is a ReplayMismatch;
a new one runs and is durable before its result is used. What a step returns is always what its journal entry reads as,
so that the first run and a replay see the same value.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from models.errors import ModelError
from pipeline.action import Action
from pipeline.durable import results
from pipeline.durable.ledger import Ledger
from pipeline.durable.note import Note
from pipeline.durable.positions import Call, Positions
from pipeline.errors import InterlockError, ReplayMismatch, StepFailed, Suspend, UsageError
from pipeline.events import ActionCommitted, Asked, Event, Progress, StepFinished, StepStarted
from pipeline.journal.journal import Journal
from pipeline.journal.rows import Past, StepRow, digest
from pipeline.outcome import Escalation, Question

_BESIDE = "."
"""In the position of a step that is made in a task under gather."""
_TEXT: TypeAdapter[str] = TypeAdapter(str)


class Execution:
    """The journal's side of one pass over one record. Create it inside the task that runs the workflow.

    `idle_actions`: no action is executed; one that would be is an Escalation instead, which says what would be done.
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
        self._past: Mapping[str, StepRow] = past.steps if past else {}
        self._answers = past.answers if past else {}
        self.positions = Positions(self._past)
        self.steps: list[StepRow] = []
        """Every step of this pass so far, recorded or new, in the order in which they ended."""
        self._journal = journal
        self._tell = tell
        self._ledger = Ledger(record, journal, state, past.actions if past else {}, idle_actions)
        self._visited = 0
        self._told = list(past.told) if past else []
        self._said: defaultdict[str, list[str]] = defaultdict(list)

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Any:
        """The result of a step, from the journal or by running it.

        `earlier`: the arguments that it had in each serving of the record before a retry; a step that was kept since
        then was recorded with these. Raises StepFailed for what the step raised, now or when it was recorded;
        UsageError if its result does not fit its annotation; errors of Interlock and of engines as they are,
        unrecorded.
        """
        call = self._call(name, arguments)
        if (recorded := self._recorded(call, earlier)) is not None:
            return self._restore(recorded, adapter)
        self._tell(StepStarted(self.record, call.position, name))
        note = Note()
        try:
            result, error = results.dump(name, await execute(note), adapter), None
        except (Escalation, StepFailed) as raised:
            result, error = None, results.error_of(raised)
        except (InterlockError, ModelError):
            raise
        except Exception as raised:
            row = note.row(call, None, results.error_of(raised))
            await self._keep(row)
            raise results.failure(row) from raised
        row = note.row(call, result, error)
        await self._keep(row)
        return self._restore(row, adapter)

    async def notice(
        self,
        name: str,
        arguments: object,
        find: Callable[[], Awaitable[Mapping[str, str]]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Mapping[str, str]:
        """What code finds in what was said; a step where it finds something. `find` must not wait under gather.

        `earlier`: the arguments that versions before had for the same.
        A record that was served by a version without this step goes on as it began: its next step is another one.
        """
        recorded = self._past.get(self.positions.next())
        if recorded is None and not (found := await find()):
            return {}
        if recorded is not None and recorded.name != name:
            return {}

        async def execute(note: Note) -> Mapping[str, str]:
            return found

        return cast(Mapping[str, str], await self.step(name, arguments, execute, adapter, earlier))

    def comes_to(self, name: str) -> bool:
        """Whether the journal has a step of this name next: then what comes before it now was not asked for."""
        recorded = self._past.get(self.positions.next())
        return recorded is not None and recorded.name == name

    async def nest(
        self, name: str, arguments: object, body: Callable[[Note], Awaitable[Any]], adapter: TypeAdapter[Any]
    ) -> tuple[Any, StepRow, Sequence[StepRow]]:
        """The result of a whole workflow called as one step, its journal entry, and those of the steps inside it.

        The steps inside get positions inside it ("3/1"). Raises what the workflow raises, unrecorded.
        """
        call = self._call(name, arguments)
        inside = f"{call.position}/"
        if (recorded := self._recorded(call)) is not None:
            inner = [step for position, step in self._past.items() if position.startswith(inside)]
            self._visited += len(inner)
            self.steps[-1:-1] = inner
            said = recorded.detail.get("said", self._told[: recorded.detail["says"]])
            self._said[call.scope] += said
            for text in said:
                self._was_told(text)
            return self._restore(recorded, adapter), recorded, inner
        self._tell(StepStarted(self.record, call.position, name))
        note = Note()
        with self.positions.inside(call) as scope:
            try:
                value = await body(note)
            finally:
                await self.positions.end_below()  # whatever it still does would be done again in the next pass
                said = self._said.pop(scope, [])
                self._said[call.scope] += said
        note.detail["says"] = len(said)
        if said and _BESIDE in call.position:  # others may have told theirs meanwhile: how many does not tell which
            note.detail["said"] = said
        row = note.row(call, results.dump(name, value, adapter), None)
        await self._keep(row)
        inner = [step for step in self.steps if step.position.startswith(inside)]
        return self._restore(row, adapter), row, inner

    async def ask(self, question: Question, about: Sequence[object] = ()) -> str:
        """The answer to a question, from the journal; else Suspend, with the question kept for a person.

        A question whose step was forgotten (a replay from an earlier one) still has the answer that it got.
        `about`: what else the answer is bound to, so that it counts for nothing else.
        """
        call = self._call("ask", [question.field, question.text, question.choices, *about])
        if (recorded := self._recorded(call)) is not None:
            return str(self._restore(recorded, _TEXT))
        known = self._answers.get((call.position, call.digest))
        if known is not None:
            kept = Note().row(call, json.dumps(known), None)
            await self._keep(kept)
            return str(self._restore(kept, _TEXT))
        row = StepRow(call.position, call.name, call.digest, call.occurrence, None)
        await self._journal.park(self.record, row, question)
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
        key = self._ledger.key(call)
        note = Note(detail={"action": key})
        self._tell(StepStarted(self.record, call.position, call.name))
        with self.positions.unbroken():  # broken off, nobody would know whether it happened
            deed = await self._ledger.act(action, args, call, intent, approval)
            row = note.row(call, deed.result, deed.error)
            await self._ledger.settle(deed, row)
            self._done(row)
        if deed.state == "committed":
            self._tell(ActionCommitted(self.record, action.name, key))
        if deed.raised is not None:
            raise results.failure(row) from deed.raised
        return self._restore(row, action.adapter)

    def say(self, text: str) -> None:
        """Tell whoever waits, once in all passes.

        Known by its text: tasks that run at once come to what they say in another order in each pass.
        """
        text = text.encode(errors="replace").decode()  # half a surrogate pair is no text that could be kept
        self._said[self.positions.seen_from().within.scope].append(text)
        if not self._was_told(text):
            self._tell(Progress(self.record, text))

    def completed(self) -> None:
        """The workflow came to its end: ReplayMismatch if the journal holds steps that it did not call."""
        if self._visited < len(self._past):
            seen = {step.position for step in self.steps}
            left = next(step for step in self._past.values() if step.position not in seen)
            raise ReplayMismatch(self.record, left.position, left.name, "nothing", "the workflow ended before")

    def _call(self, name: str, arguments: object) -> Call:
        try:
            marked = digest(arguments, self.state)
        except (PydanticSerializationError, ValueError, TypeError) as error:
            raise UsageError(
                f"The arguments of '{name}' cannot be kept in the journal ({error}): pass data, not objects."
            ) from error
        return self.positions.call(name, marked)

    def _recorded(self, call: Call, earlier: Sequence[object] = ()) -> StepRow | None:
        step = self._past.get(call.position)
        if step is None:
            return None
        known = step.digest == call.digest or step.digest in (digest(one, self.state) for one in earlier)
        if step.name != call.name or not known:
            changed = "another step" if step.name != call.name else "its arguments differ"
            raise ReplayMismatch(self.record, call.position, step.name, call.name, changed)
        self._visited += 1
        self.steps.append(step)
        return step

    def _restore(self, row: StepRow, adapter: TypeAdapter[Any]) -> Any:
        return results.restore(self.record, row, adapter, self.today)

    def _was_told(self, text: str) -> bool:
        """Whether an earlier pass told this, for once."""
        known = text in self._told
        if known:
            self._told.remove(text)
        return known

    async def _keep(self, row: StepRow) -> None:
        await self._journal.keep(self.record, row)
        self._done(row)

    def _done(self, row: StepRow) -> None:
        self.steps.append(row)
        self._tell(StepFinished(self.record, row.position, row.name, row.seconds, row.error is not None))
