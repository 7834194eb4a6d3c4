"""Pipeline: an app with its parts, serving one record after another.

Knows the order gate → workflow → outcome; nothing of files of records (batch.py) or of commands.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from models.contract import Contract
from models.engine import Engine
from models.errors import EngineUnavailable, ModelError, PromptTooLong
from pipeline.app import App
from pipeline.errors import GuardrailViolation, InterlockError, JournalError, Suspend, UsageError
from pipeline.events import Event, Listener, RecordFinished, RecordStarted, Routed, StepFinished, StepStarted
from pipeline.gateway import WAITS, Gateway
from pipeline.journal import Journal
from pipeline.manifest import index_identity
from pipeline.outcome import Escalation, Outcome
from pipeline.receipt import receipt
from pipeline.record import Record
from pipeline.recovery import LADDER, Rung
from pipeline.replay import Note, Replay
from pipeline.router import AMBIGUOUS, OUT_OF_SCOPE, Decision, Encoder, Router
from pipeline.run import PASSES, Amended, Run
from pipeline.step import StepRow
from pipeline.telemetry import Telemetry
from pipeline.workflow import Workflow

if TYPE_CHECKING:
    from index.retriever import Retriever

RETRY_STRIDE = 1_000
"""Between the seeds of a record and of its retry: more than the tries of any ladder."""

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


class Pipeline:
    """An app with its engine, encoder, retriever and journal. Make it with `await Pipeline.open(…)`."""

    def __init__(
        self,
        app: App,
        journal: Journal,
        state: Path,
        today: date,
        *,
        engine: Engine | None = None,
        retriever: Retriever | None = None,
        router: Router | None = None,
        seed: int = 0,
        listeners: Sequence[Listener] = (),
        ladder: Sequence[Rung] = LADDER,
        waits: Sequence[float] = WAITS,
        progress: Callable[[str], None] = lambda text: None,
        second: Engine | None = None,
        telemetry: Telemetry | None = None,
        idle_actions: bool = False,
    ) -> None:
        self.app = app
        self.journal = journal
        self.state = state
        self.today = today
        self.gateway = None if engine is None else Gateway(engine, waits, progress)
        self._second = None if second is None else Gateway(second, waits, progress)
        self._engine = engine
        self._retriever = retriever
        self._router = router
        self._telemetry = telemetry
        self._idle_actions = idle_actions
        self._seed = seed
        self._listeners = tuple(listeners)
        self._ladder = tuple(ladder)
        self._workflows = {workflow.intent: workflow for workflow in app.workflows}
        self._index = None if retriever is None else index_identity(retriever)
        if router is None and len(app.workflows) > 1:
            raise UsageError(f"The app '{app.name}' has several workflows: give an encoder to tell them apart.")

    @classmethod
    async def open(
        cls,
        app: App,
        journal: Journal,
        state: Path,
        today: date,
        *,
        embedder: Encoder | None = None,
        prepared: bool = False,
        **options: Any,
    ) -> Pipeline:
        """Fit the gate and, unless it is `prepared`, let the app prepare its folder, both in threads.

        `options` as for the constructor.
        """
        router = None
        if embedder is not None and (len(app.workflows) > 1 or app.out_of_scope_examples):
            router = await asyncio.to_thread(Router, app.workflows, embedder, app.out_of_scope_examples)
        if not prepared:
            await asyncio.to_thread(app.make_ready, state, today)
        return cls(app, journal, state, today, router=router, **options)

    async def handle(self, record: Record) -> Outcome:
        """Serve one record, from where its journal stands, to an outcome, which is durable on return.

        Whatever the workflow raises becomes an outcome. EngineUnavailable and JournalError are raised: the record
        stays unfinished, and handling it again later continues.
        """
        outcome, _ = await self.handle_to_line(record)
        return outcome

    async def handle_to_line(self, record: Record, alone: bool = False) -> tuple[Outcome, str]:
        """As `handle`; also the outcome's line for results.jsonl, without the line break.

        `alone`: it is the only record in flight, because it is suspected of killing processes.
        """
        past = self.journal.past(record.id)
        today = past.today if past else self.today
        if past is None:
            self.journal.begin(record.id, record.input, today)
        starting = RecordStarted(record.id, resumed=past is not None)
        await self.journal.start(starting, alone)
        self._tell(starting)
        replay = Replay(record.id, self.journal, today, self.state, past, self._tell, self._idle_actions)
        run = Run(
            record.id,
            record.conversation,
            today,
            self.state,
            replay,
            self.gateway,
            self._retriever,
            seed=self._seed + RETRY_STRIDE * (past.retries if past else 0),
            tell=self._tell,
            told=past.said if past else 0,
            ladder=self._ladder,
            second=self._second,
        )
        gate = _Gate()
        trace: str | None = None
        ending: dict[str, Any]
        try:
            ending = _ended(await self._serve(run, replay, gate))
        except Suspend as suspended:
            ending = {"status": "needs_input", "question": suspended.question}
        except Escalation as escalation:
            ending = {"status": "escalated", "escalation": escalation}
        except PromptTooLong as error:
            reason = f"The conversation is too long for the model: {error.what}"
            ending = {"status": "escalated", "escalation": Escalation("human", reason)}
        except GuardrailViolation as error:
            ending = {"status": "escalated", "escalation": Escalation("human", str(error))}
        except (EngineUnavailable, JournalError):
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            ending = {"status": "failed", "error": _reason(error)}
        finally:
            await replay.close()
        return await self._finish(record, gate.decision, replay.steps, ending, trace)

    async def quarantine(self, record: Record, why: str) -> tuple[Outcome, str]:
        """Let a record fail without serving it once more; its outcome and line as `handle_to_line`."""
        return await self._finish(record, None, self.journal.steps(record.id), {"status": "failed", "error": why})

    async def _finish(
        self,
        record: Record,
        decision: Decision | None,
        steps: Sequence[StepRow],
        ending: Mapping[str, Any],
        trace: str | None = None,
    ) -> tuple[Outcome, str]:
        outcome = Outcome(
            record.id,
            intent=None if decision is None else decision.label,
            receipt=receipt(
                steps,
                engine=self._engine,
                gate=None if decision is None else decision.row(),
                index=self._index,
            ),
            **ending,
        )
        line = await self.journal.finish(outcome, trace)
        self._tell(RecordFinished(record.id, outcome.status, outcome.intent))
        if self._telemetry is not None:
            self._telemetry.record(outcome, steps)
        return outcome, line

    async def _serve(self, run: Run, replay: Replay, gate: _Gate) -> object:
        await self._route(run, replay, gate)
        decision = gate.decision
        if decision is None or decision.intent is None:
            replay.completed()
            return self.app.out_of_scope
        workflow = self._workflows[decision.intent]
        run.unlock(workflow)
        for _ in range(PASSES):
            try:
                ending = await workflow.body(run)
            except Amended:
                run.start_over()
                continue
            replay.completed()
            return ending
        raise Escalation("human", f"The request was changed {PASSES} times without coming to an end.")

    async def _route(self, run: Run, replay: Replay, gate: _Gate) -> None:
        """Let the gate decide: the encoder; then the model, if it is trusted; then, on a close call, the customer."""
        router = self._router
        if router is None:
            only = self.app.workflows[0].intent
            gate.decision = Decision("intent", only, ((only, 1.0),), by="only")
            return

        async def decide(note: Note) -> Decision:
            return await asyncio.to_thread(router.decide, run.text)

        decision: Decision = await replay.step("route", [run.text], decide, _DECISION)
        gate.decision = decision
        if run.decides:
            decision = gate.decision = await self._let_model_choose(run, decision)
        if decision.kind == "ambiguous":
            self._tell(Routed(run.id, decision.kind, None))
            intents = [name for name, _ in decision.candidates if name in self._workflows][:2]
            chosen = await self._ask_which(run, [self._workflows[intent] for intent in intents])
            decision = gate.decision = replace(decision, kind="intent", intent=chosen, by="customer")
        self._tell(Routed(run.id, decision.kind, decision.intent))

    async def _let_model_choose(self, run: Run, decision: Decision) -> Decision:
        shortlist = [name for name, _ in decision.candidates if name in self._workflows]
        options = {intent: self._workflows[intent].phrase for intent in shortlist}
        options |= {AMBIGUOUS: "two of these fit", OUT_OF_SCOPE: "none of these fits"}
        chosen = await run.pick("What does the customer want?", options)
        if chosen == OUT_OF_SCOPE:
            return replace(decision, kind="out_of_scope", intent=None, by="model")
        if chosen == AMBIGUOUS and len(shortlist) > 1:
            return replace(decision, kind="ambiguous", intent=None, by="model")
        return replace(decision, kind="intent", intent=shortlist[0] if chosen == AMBIGUOUS else chosen, by="model")

    async def _ask_which(self, run: Run, workflows: Sequence[Workflow]) -> str:
        phrases = [workflow.phrase for workflow in workflows]
        conversation = list(run.conversation)
        answer = await run.ask(f"Do you want to {' or to '.join(phrases)}?", field="intent", choices=phrases)
        # The gate's question is no part of what was said about the matter itself.
        run.conversation[:] = conversation
        return workflows[phrases.index(answer)].intent

    def _tell(self, event: Event) -> None:
        if not isinstance(event, StepStarted | StepFinished | RecordStarted):  # the last is in the journal already
            self.journal.tell(event)
        for listener in self._listeners:
            listener(event)


@dataclass
class _Gate:
    """What the gate has decided so far: an exception out of a workflow must not lose it."""

    decision: Decision | None = None


def _ended(ending: object) -> dict[str, Any]:
    if isinstance(ending, Contract):
        return {"status": "completed", "result": ending.public(), "contract": type(ending).__name__}
    if isinstance(ending, str):
        return {"status": "completed", "message": ending}
    if isinstance(ending, Escalation):
        return {"status": "escalated", "escalation": ending}
    raise UsageError(
        f"The workflow returned {type(ending).__name__}: return a Contract, a text, or an Escalation to a person."
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
