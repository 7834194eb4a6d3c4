"""Dispatch: one record's way through the gate and the workflows, until each thing that it asks for has an ending.

Knows the order of things: several intents in one message are served one after the other, a wrong intent goes back to
the gate. How a record is opened, and what its outcome looks like, is pipeline.py's business.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from models.background import in_thread
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
from pipeline.routing.multi_intent import Wish, bare_clauses
from pipeline.run.run import Run
from pipeline.runtime.subject import Subject
from pipeline.text import short
from pipeline.workflow import Workflow

REROUTES = 2
"""How often the gate decides anew about one request before a person takes over."""

SURE = 0.7, 0.42
"""Least probability and similarity of a clause's intent that a message is cut at it.

Settled on the travel app's 96 sample requests: the four that hold two intents are cut, no other is. The least likely of
their clauses has 0.72, the least similar 0.44; the nearest clause that must not be cut off has 0.91 and 0.36.
"""
_WISHES: TypeAdapter[list[Wish]] = TypeAdapter(list[Wish])
_LEFT: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class Done:
    """A request that came to its ending; `trace`: a failure's traceback; `whole`: its workflow returned."""

    ending: Ending
    trace: str | None = None
    whole: bool = False


@dataclass
class Dispatch:
    """One record under way. `decisions`: all that the gate decided so far; `parts`: as in Outcome.
    `converses`: it is of a conversation; `talks`: it begins one's message, not one of a journal from before small talk
    was answered.
    """

    app: App
    workflows: Mapping[str, Workflow]
    gate: Gate
    execution: Execution
    tell: Callable[[Event], None]
    talks: bool = False
    converses: bool = False
    decisions: list[Decision] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    _given_up: list[str] = field(default_factory=list)
    _also: list[tuple[Wish, Decision | None]] = field(default_factory=list)
    """What the customer wants besides, who was asked "this or that?" and said "both"; served next."""
    _present: Decision | None = None

    @property
    def intent(self) -> str | None:
        """What the record, or its first part, was taken for in the end."""
        return self.parts[0].intent if self.parts else self._label

    async def follow(self, run: Run) -> Done:
        """Serve the record. EngineUnavailable and JournalError are raised, anything else becomes its ending."""
        wishes: list[Wish] = []

        async def begin() -> object:
            if (answer := self._small_talk(run)) is not None:
                return answer
            wishes.extend(await self._wishes(run))
            return "" if wishes else await self._one(run)

        whole = await self._ended(begin)
        if self._also:
            self.parts.append(Part(run.text, self._label, whole.ending))
        done = await self._each(run, [(wish, None) for wish in wishes] or self._queue(), [] if wishes else [whole])
        if all(one.ending.status in ("completed", "escalated") for one in done):
            await self._see_what_is_left(run.text, any(one.ending.status == "escalated" for one in done))
        if all(one.whole for one in done):
            try:
                self.execution.completed()
            except InterlockError as error:
                return Done(Ending("failed", error=str(error)), str(error))
        if not self.parts:
            return whole
        return Done(decisive(self.parts), "\n".join(one.trace for one in done if one.trace) or None)

    def _small_talk(self, run: Run) -> str | Escalation | None:
        """What a message that is no request is answered, in a conversation, and if no step of it was recorded."""
        return self._talk(run.text) if self.talks else None

    def _beside(self, answer: str) -> str | Escalation | None:
        """What an answer that is none is answered, in a conversation."""
        return self._talk(answer, beside=True) if self.converses else None

    def _talk(self, text: str, beside: bool = False) -> str | Escalation | None:
        if not self.gate.reads or self.app.small_talk is None:
            return None
        talk, phrases = self.app.small_talk, [workflow.phrase for workflow in self.workflows.values()]
        answer = talk.answer(text, phrases)
        examples = [text for workflow in self.app.workflows for text in workflow.examples]
        # An app that has a workflow for it says so by an example, and serves it itself.
        own = answer is not None and any(str(talk.answer(text, phrases)) == str(answer) for text in examples)
        return None if own else talk.beside(text, phrases) if beside else answer

    async def _each(
        self, run: Run, wishes: Sequence[tuple[Wish, Decision | None]], before: Sequence[Done]
    ) -> list[Done]:
        """One part after the other, with what is decided of it; where one waits for an answer, those behind it wait."""
        done, left = list(before), list(wishes)
        while left:
            wish, decided = left.pop(0)
            if done and done[-1].ending.status == "needs_input":
                self.parts.append(Part(wish.text, wish.intent, None))
                continue
            await self.execution.positions.close()  # what an escalated part left behind
            self.execution.positions.begin(f"part{len(done) + 1}")
            self._present, run = None, run.about(wish.text)

            async def serve(run: Run = run, wish: Wish = wish, decided: Decision | None = decided) -> object:
                question = f'You wrote "{short(wish.text)}": shall I go on with that?'
                if wish.conditional and not await run.confirm(question):
                    raise Dropped
                return await self._one(run, decided)

            done.append(await self._ended(serve))
            self.parts.append(Part(wish.text, self._label or wish.intent, done[-1].ending))
            left[:0] = self._queue()
        return done

    def _queue(self) -> list[tuple[Wish, Decision | None]]:
        wishes, self._also = self._also, []
        return wishes

    async def _see_what_is_left(self, text: str, handed_over: bool) -> None:
        """Name what the customer asked for in this record, in the request or beside an answer, and nobody served.

        `handed_over`: a person reads it all, and sees to what is for no intent. Seen at the end, when it is known what
        was served, in a part of its own: a record of another version has its steps where they were.
        """
        heard = [json.loads(step.result or '""') for step in self.execution.steps if step.name == "ask"]
        asked = {json.loads(step.result or "{}").get("answer") for step in self.execution.steps if step.name == "wish"}
        answers = [answer for answer in heard if answer not in asked]  # of those, the customer said what they are
        clauses = unserved.several([text, *answers]) if self.gate.reads else []
        if not clauses and not self._given_up:
            return
        served = {part.intent or OUT_OF_SCOPE for part in self.parts} or {self._label or OUT_OF_SCOPE}
        served |= {OUT_OF_SCOPE} if handed_over else set()
        called = {step.name for step in self.execution.steps}
        served |= {flow.intent for flow in self.workflows.values() if f"call {flow.__name__}" in called}

        async def see() -> dict[str, str]:
            left = await in_thread(unserved.unserved, clauses, self.gate.read, served) if clauses else []
            return dict.fromkeys([*self._given_up, *left], "")

        await self.execution.positions.close()
        self.execution.positions.begin("unserved")
        arguments = [self._given_up, clauses, sorted(served)]
        before = [self._given_up, unserved.several([text, *answers], bare_clauses), sorted(served)]
        self.unserved = list(await self.execution.notice("unserved", arguments, see, _LEFT, [before]))

    async def _wishes(self, run: Run) -> list[Wish]:
        """The parts of a message that surely holds several intents, in the order in which to serve them."""
        if not self.gate.reads or len(multi_intent.clauses(run.text)) < 2:
            return []

        async def cut(note: Note) -> list[Wish]:
            return await in_thread(multi_intent.wishes, run.text, self._sure)

        found: list[Wish] = await self.execution.step("parts", [run.text], cut, _WISHES)
        phrases = {self.workflows[wish.intent].phrase: wish for wish in reversed(found)}
        if len(phrases) > 1 and any(wish.before for wish in found):
            choices = list(reversed(phrases))
            first, *_ = await run.select(f"What should I do first: {' or '.join(choices)}?", choices)
            found = [phrases[first], *(wish for wish in found if wish is not phrases[first])]
        return found

    async def _one(self, run: Run, decided: Decision | None = None) -> object:
        """What one request comes to; a wrong intent goes back to the gate, without it or with what was said instead.

        `decided`: what the customer said that it is for.
        """
        without: list[str] = []
        for _ in range(REROUTES + 1):
            try:
                return await self._attempt(run, without, decided)
            except WrongIntent as wrong:
                if wrong.text is not None:
                    without.clear()
                    if not wrong.corrected:
                        self._given_up.append(run.text)
                elif self._present is not None and self._present.intent is not None:
                    without.append(self._present.intent)
                await self.execution.positions.start_over()
                run, decided = run.about(wrong.text), None
        raise Escalation("human", f"The gate decided {REROUTES + 1} times about this request, and each was wrong.")

    async def _attempt(self, run: Run, without: Sequence[str], decided: Decision | None) -> object:
        run.listen(Subject(self.gate, self.workflows, self.execution, self._intent, self._beside))
        decision = self._decided(decided or await self.gate.decide(run, self.execution, run.text, without))
        if decision.kind == "ambiguous":
            self.tell(Routed(run.id, decision.kind, None))
            decision, *others = await self.gate.ask(run, decision)
            self.decisions[-1] = self._present = decision
            self._also = [(Wish(run.text, str(other.intent)), other) for other in others]
        self._also = [(wish, other) for wish, other in self._also if wish.intent != decision.intent]
        self.tell(Routed(run.id, decision.kind, decision.intent))
        if decision.intent is None:
            if without:
                tried = " and ".join(without)
                raise Escalation("human", f"The request was taken for {tried} in vain, and fits nothing else.")
            return self.app.out_of_scope
        workflow = self.workflows[decision.intent]
        run.unlock(workflow, decision.sure or decision.by != "encoder")
        return await run.serve(workflow)

    async def _ended(self, work: Callable[[], Awaitable[object]]) -> Done:
        """How a piece of work ended, whatever it raised."""
        done = len(self.execution.steps)
        try:
            return Done(_ending(await work()), whole=True)
        except Suspend as suspended:
            return Done(Ending("needs_input", question=suspended.question))
        except Dropped as dropped:
            acted = any("action" in step.detail and step.error is None for step in self.execution.steps[done:])
            message = "Nothing further was done." if acted else "Nothing was done."
            return Done(Ending("completed", message=f"{dropped} {message}".strip()))
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

    def _intent(self) -> str | None:
        return None if self._present is None else self._present.intent

    @property
    def _label(self) -> str | None:
        return None if self._present is None else self._present.label

    def _sure(self, texts: Sequence[str]) -> list[str | None]:
        return [decision.intent if decision.reaches(*SURE) else None for decision in self.gate.read(texts)]


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
