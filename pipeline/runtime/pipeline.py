"""Pipeline: an app with its parts, serving one record after another.

Knows how a record is opened and how its outcome is kept; leaves the way between them to dispatch.py, and knows nothing
of files of records (batch.py) or of commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines.engine import Engine
from pipeline.app import App
from pipeline.durable.execution import Execution
from pipeline.errors import UsageError
from pipeline.events import Event, Listener, RecordFinished, RecordStarted
from pipeline.forms.memory import KEPT, RECALLED, Memory
from pipeline.generation.engine_client import WAITS, EngineClient
from pipeline.generation.recovery import LADDER, Rung
from pipeline.journal.journal import Journal
from pipeline.journal.rows import StepRow
from pipeline.outcome import Escalation, Outcome
from pipeline.record import Record
from pipeline.routing.calibrated_router import open_router
from pipeline.routing.gate import Gate, Mode
from pipeline.routing.router import Encoder, Reader
from pipeline.run.run import Run
from pipeline.run.scope import RunContext
from pipeline.runtime.dispatch import Dispatch
from pipeline.runtime.manifest import index_identity
from pipeline.runtime.messages import endings
from pipeline.runtime.receipt import receipt
from pipeline.runtime.telemetry import Telemetry

if TYPE_CHECKING:
    from index.retriever import Retriever

RETRY_STRIDE = 1_000
"""Between the seeds of a record and of its retry: more than the tries of any ladder."""


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
        router: Reader | None = None,
        mode: Mode = "cascade",
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
        self.client = None if engine is None else EngineClient(engine, waits, progress)
        self._second = None if second is None else EngineClient(second, waits, progress)
        self._engine = engine
        self._retriever = retriever
        self._telemetry = telemetry
        self._idle_actions = idle_actions
        self._seed = seed
        self._listeners = tuple(listeners)
        self._ladder = tuple(ladder)
        self._workflows = {workflow.intent: workflow for workflow in app.workflows}
        self._index = None if retriever is None else index_identity(retriever)
        if router is None and len(app.workflows) > 1:
            raise UsageError(f"The app '{app.name}' has several workflows: give an encoder to tell them apart.")
        self._gate = Gate(self._workflows, router, mode)

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
            router = await asyncio.to_thread(open_router, app, embedder, options.get("progress") or (lambda text: None))
        if not prepared:
            await asyncio.to_thread(app.make_ready, state, today)
        return cls(app, journal, state, today, router=router, **options)

    async def serve(self, record: Record, memory: Memory | None = None) -> Outcome:
        """Serve one record, from where its journal stands, to an outcome, which is durable on return.

        `memory`: what earlier records of the same conversation collected; None for a record that stands alone.

        Whatever the workflow raises becomes an outcome. EngineUnavailable and JournalError are raised: the record
        stays unfinished, and handling it again later continues.
        """
        outcome, _ = await self.serve_to_line(record, memory=memory)
        return outcome

    async def serve_to_line(
        self, record: Record, alone: bool = False, memory: Memory | None = None
    ) -> tuple[Outcome, str]:
        """As `serve`; also the outcome's line for results.jsonl, without the line break.

        `alone`: it is the only record in flight, because it is suspected of killing processes.
        """
        past = self.journal.past(record.id)
        today = past.today if past else self.today
        if past is None:
            self.journal.begin(record.id, record.input, today)
        starting = RecordStarted(record.id, resumed=past is not None)
        await self.journal.start(starting, alone)
        self._tell(starting)
        execution = Execution(record.id, self.journal, today, self.state, past, self._tell, self._idle_actions)
        if memory is None and past and any(step.name.startswith((KEPT, RECALLED)) for step in past.steps.values()):
            memory = Memory()  # served once more outside of its conversation: what it recalled is in its journal
        context = RunContext(
            execution,
            self.client,
            self._retriever,
            self._seed + RETRY_STRIDE * (past.retries if past else 0),
            self._ladder,
            self._second,
            memory,
        )
        dispatch = Dispatch(self.app, self._workflows, self._gate, execution, self._tell)
        try:
            ending = await dispatch.follow(Run.begin(context, record.conversation))
        finally:
            await execution.positions.close()
        fields = {**ending.fields, "parts": tuple(dispatch.parts)}
        return await self._finish(record, dispatch, execution.steps, fields, ending.trace)

    async def quarantine(self, record: Record, why: str | Escalation) -> tuple[Outcome, str]:
        """Let a record fail, or hand it over, without serving it once more; its outcome and line as `serve_to_line`."""
        ending: dict[str, Any] = {"status": "failed", "error": why}
        if isinstance(why, Escalation):
            ending = {"status": "escalated", "escalation": why}
        return await self._finish(record, None, self.journal.steps(record.id), ending)

    async def _finish(
        self,
        record: Record,
        dispatch: Dispatch | None,
        steps: Sequence[StepRow],
        ending: Mapping[str, Any],
        trace: str | None = None,
    ) -> tuple[Outcome, str]:
        outcome = Outcome(
            record.id,
            intent=None if dispatch is None else dispatch.intent,
            receipt=receipt(
                steps,
                engine=self._engine,
                decisions=[] if dispatch is None else [decision.row() for decision in dispatch.decisions],
                index=self._index,
            ),
            **ending,
        )
        told: Sequence[Event] = ()
        if self.journal.is_followed(record.id):
            before = self.journal.ends(record.id) if outcome.parts else 0
            told = endings(outcome, self.journal.steps(record.id), before)
        line = await self.journal.finish(outcome, trace, told)
        self._tell(RecordFinished(record.id, outcome.status, outcome.intent))
        if self._telemetry is not None:
            self._telemetry.record(outcome, steps)
        return outcome, line

    def _tell(self, event: Event) -> None:
        if not isinstance(event, RecordStarted):  # which is in the journal already
            self.journal.tell(event)
        for listener in self._listeners:
            listener(event)
