"""Dispatch: one record's way through the gate and the workflows, until each thing that it asks for has an ending.

Knows the order of things: several intents in one message are served one after the other, a wrong intent goes back to
the gate. How a record is opened, and what its outcome looks like, is pipeline.py's business.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from models.contract import Contract
from models.errors import EngineUnavailable, ModelError, PromptTooLong
from pipeline.app import App
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.errors import Dropped, GuardrailViolation, InterlockError, JournalError, Suspend, UsageError, WrongIntent
from pipeline.events import Event, Routed
from pipeline.intents import OUT_OF_SCOPE
from pipeline.outcome import Ending, Escalation, Part, decisive
from pipeline.routing import multi_intent, unserved
from pipeline.routing.decision import Decision
from pipeline.routing.gate import Gate
from pipeline.routing.multi_intent import Wish
from pipeline.run.run import Run
from pipeline.text import short
from pipeline.workflow import Workflow

REROUTES = 2
"""How often the gate decides anew about one request before a person takes over."""

SURE = 0.7, 0.42
"""Least probability and similarity of a clause's intent that a message is cut at it.

Settled on the travel app's 96 sample requests: the four that hold two intents are cut, no other is. The least likely of
their clauses has 0.72, the least similar 0.44; the nearest clause that must not be cut off has 0.91 and 0.36.
"""
OTHER = 0.8, 0.5
"""The same for an answer that changes the subject: higher, for it gives up what was begun."""

_WISHES: TypeAdapter[list[Wish]] = TypeAdapter(list[Wish])
_LEFT: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


@dataclass(frozen=True)
class Done:
    """A request that came to its ending; `trace`: a failure's traceback; `whole`: its workflow returned."""

    ending: Ending
    trace: str | None = None
    whole: bool = False


@dataclass
class Dispatch:
    """One record under way. `decisions`: all that the gate decided so far; `parts`: as in Outcome."""

    app: App
    workflows: Mapping[str, Workflow]
    gate: Gate
    execution: Execution
    tell: Callable[[Event], None]
    decisions: list[Decision] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    _given_up: list[str] = field(default_factory=list)
    _present: Decision | None = None

    @property
    def intent(self) -> str | None:
        """What the record, or its first part, was taken for in the end."""
        return self.parts[0].intent if self.parts else self._label

    async def follow(self, run: Run) -> Done:
        """Serve the record. EngineUnavailable and JournalError are raised, anything else becomes its ending."""
        wishes: list[Wish] = []

        async def begin() -> object:
            wishes.extend(await self._wishes(run))
            return "" if wishes else await self._one(run)

        whole = await self._ended(begin)
        done = await self._each(run, wishes) if wishes else [whole]
        if all(one.ending.status in ("completed", "escalated") for one in done):
            await self._see_what_is_left(run.text, any(one.ending.status == "escalated" for one in done))
        if all(one.whole for one in done):
            try:
                self.execution.completed()
            except InterlockError as error:
                return Done(Ending("failed", error=str(error)), str(error))
        if not wishes:
            return whole
        return Done(decisive(self.parts), "\n".join(one.trace for one in done if one.trace) or None)

    async def _each(self, run: Run, wishes: Sequence[Wish]) -> list[Done]:
        """One part after the other; where one waits for an answer, those behind it wait as well."""
        done: list[Done] = []
        for number, wish in enumerate(wishes, start=1):
            if done and done[-1].ending.status == "needs_input":
                self.parts.append(Part(wish.text, wish.intent, None))
                continue
            await self.execution.positions.close()  # what an escalated part left behind
            self.execution.positions.begin(f"part{number}")
            self._present, run = None, run.about(wish.text)

            async def serve(run: Run = run, wish: Wish = wish) -> object:
                question = f'You wrote "{short(wish.text)}": shall I go on with that?'
                if wish.conditional and not await run.confirm(question):
                    raise Dropped
                return await self._one(run)

            done.append(await self._ended(serve))
            self.parts.append(Part(wish.text, self._label or wish.intent, done[-1].ending))
        return done

    async def _see_what_is_left(self, text: str, handed_over: bool) -> None:
        """Name what the customer asked for in this record, in the request or beside an answer, and nobody served.

        `handed_over`: a person reads it all, and sees to what is for no intent. Seen at the end, when it is known what
        was served, in a part of its own: a record of another version has its steps where they were.
        """
        answers = [json.loads(step.result or '""') for step in self.execution.steps if step.name == "ask"]
        clauses = unserved.several([text, *answers]) if self.gate.reads else []
        if not clauses and not self._given_up:
            return
        served = {part.intent or OUT_OF_SCOPE for part in self.parts} or {self._label or OUT_OF_SCOPE}
        served |= {OUT_OF_SCOPE} if handed_over else set()
        called = {step.name for step in self.execution.steps}
        served |= {flow.intent for flow in self.workflows.values() if f"call {flow.__name__}" in called}

        async def see() -> dict[str, str]:
            left = await asyncio.to_thread(unserved.unserved, clauses, self.gate.read, served) if clauses else []
            return dict.fromkeys([*self._given_up, *left], "")

        await self.execution.positions.close()
        self.execution.positions.begin("unserved")
        arguments = [self._given_up, clauses, sorted(served)]
        self.unserved = list(await self.execution.notice("unserved", arguments, see, _LEFT))

    async def _wishes(self, run: Run) -> list[Wish]:
        """The parts of a message that surely holds several intents, in the order in which to serve them."""
        if not self.gate.reads or len(multi_intent.clauses(run.text)) < 2:
            return []

        async def cut(note: Note) -> list[Wish]:
            return await asyncio.to_thread(multi_intent.wishes, run.text, self._sure)

        found: list[Wish] = await self.execution.step("parts", [run.text], cut, _WISHES)
        phrases = {self.workflows[wish.intent].phrase: wish for wish in reversed(found)}
        if len(phrases) > 1 and any(wish.before for wish in found):
            choices = list(reversed(phrases))
            first = phrases[await run.ask(f"What should I do first: {' or '.join(choices)}?", choices=choices)]
            found = [first, *(wish for wish in found if wish is not first)]
        return found

    async def _one(self, run: Run) -> object:
        """What one request comes to; a wrong intent goes back to the gate, without it or with what was said instead."""
        without: list[str] = []
        for _ in range(REROUTES + 1):
            try:
                return await self._attempt(run, without)
            except WrongIntent as wrong:
                if wrong.text is not None:
                    without.clear()
                    if not wrong.corrected:
                        self._given_up.append(run.text)
                elif self._present is not None and self._present.intent is not None:
                    without.append(self._present.intent)
                await self.execution.positions.start_over()
                run = run.about(wrong.text)
        raise Escalation("human", f"The gate decided {REROUTES + 1} times about this request, and each was wrong.")

    async def _attempt(self, run: Run, without: Sequence[str]) -> object:
        run.listen(self._is_elsewhere)
        decision = self._decided(await self.gate.decide(run, self.execution, run.text, without))
        if decision.kind == "ambiguous":
            self.tell(Routed(run.id, decision.kind, None))
            decision = self.decisions[-1] = self._present = await self.gate.ask(run, decision)
        self.tell(Routed(run.id, decision.kind, decision.intent))
        if decision.intent is None:
            if without:
                tried = " and ".join(without)
                raise Escalation("human", f"The request was taken for {tried} in vain, and fits nothing else.")
            return self.app.out_of_scope
        workflow = self.workflows[decision.intent]
        run.unlock(workflow, decision.sure or decision.by != "encoder")
        return await run.serve(workflow)

    async def _is_elsewhere(self, answer: str) -> bool:
        """Whether the gate is sure that an answer is for another intent than the present one."""
        if not self.gate.reads:
            return False

        async def read(note: Note) -> Decision:
            return (await asyncio.to_thread(self.gate.read, [answer]))[0]

        decision: Decision = await self.execution.step("subject", [answer], read, _DECISION)
        present = None if self._present is None else self._present.intent
        return _is_sure(decision, *OTHER) and decision.intent != present

    async def _ended(self, work: Callable[[], Awaitable[object]]) -> Done:
        """How a piece of work ended, whatever it raised."""
        done = len(self.execution.steps)
        try:
            return Done(_ending(await work()), whole=True)
        except Suspend as suspended:
            return Done(Ending("needs_input", question=suspended.question))
        except Dropped:
            acted = any("action" in step.detail and step.error is None for step in self.execution.steps[done:])
            message = "Nothing further was done." if acted else "Nothing was done."
            return Done(Ending("completed", message=message))
        except Escalation as escalation:
            return Done(Ending("escalated", escalation=escalation))
        except PromptTooLong as error:
            reason = f"The conversation is too long for the model: {error.what}"
            return Done(Ending("escalated", escalation=Escalation("human", reason)))
        except GuardrailViolation as error:
            return Done(Ending("escalated", escalation=Escalation("human", str(error))))
        except (EngineUnavailable, JournalError):
            raise
        except Exception as error:
            return Done(Ending("failed", error=_reason(error)), "".join(traceback.format_exception(error)))

    def _decided(self, decision: Decision) -> Decision:
        self._present = decision
        self.decisions.append(decision)
        return decision

    @property
    def _label(self) -> str | None:
        return None if self._present is None else self._present.label

    def _sure(self, texts: Sequence[str]) -> list[str | None]:
        return [decision.intent if _is_sure(decision, *SURE) else None for decision in self.gate.read(texts)]


def _is_sure(decision: Decision, probability: float, similarity: float) -> bool:
    likely = dict(decision.candidates).get(decision.intent or "", 0.0)
    return decision.kind == "intent" and likely >= probability and decision.similarity >= similarity


def _ending(returned: object) -> Ending:
    """What a workflow returned, as its ending. UsageError."""
    if isinstance(returned, Ending):
        return returned
    if isinstance(returned, Contract):
        return Ending("completed", result=returned.public(), contract=type(returned).__name__)
    if isinstance(returned, str):
        return Ending("completed", message=returned)
    if isinstance(returned, Escalation):
        return Ending("escalated", escalation=returned)
    raise UsageError(
        f"The workflow returned {type(returned).__name__}: return a Contract, a text, or an Escalation to a person."
    )


def _reason(error: Exception) -> str:
    """One sentence for results.jsonl; the traceback stays in the journal."""
    first = " ".join(str(error).split())[:300]
    if isinstance(error, InterlockError | ModelError):
        return first
    return (
        f"The workflow raised {type(error).__name__}: {first}"
        if first
        else f"The workflow raised {type(error).__name__}."
    )
