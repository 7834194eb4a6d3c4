"""Pipeline: an app with its parts, serving one record after another.

Knows how a record is opened and how its outcome is kept; leaves the way between them to dispatch.py, and knows nothing
of files of records (batch.py) or of commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from models.engines.profiles import Profile
from pipeline.app import App
from pipeline.durable.execution import Execution
from pipeline.errors import UsageError
from pipeline.events import Event, Listener, RecordFinished, RecordStarted
from pipeline.forms.memory import KEPT, RECALLED, Memory
from pipeline.generation.engine_client import EngineClient
from pipeline.journal.journal import Journal
from pipeline.journal.rows import StepRow
from pipeline.outcome import Ending, Escalation, Outcome
from pipeline.record import Record
from pipeline.routing.gate import Gate
from pipeline.routing.router import Router, open_router
from pipeline.run.run import Run
from pipeline.run.scope import RunContext
from pipeline.runtime.dispatch import Dispatch
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch
from pipeline.runtime.manifest import index_identity
from pipeline.runtime.messages import endings
from pipeline.runtime.receipt import receipt

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
        equipment: Equipment,
        launch: Launch,
        router: Router | None,
        listeners: Sequence[Listener],
        progress: Callable[[str], None],
        idle_actions: bool,
        fitted: Callable[[Profile], Profile],
        trusted: bool,
    ) -> None:
        self.app = app
        self.journal = journal
        self.state = state
        self.today = today
        self._prompts = prompts = app.wording()
        self.client, self._second = (
            None if engine is None else EngineClient(engine, launch.waits, progress, fitted, prompts.engines, trusted)
            for engine in (equipment.engine, equipment.second)
        )
        self._equipment = equipment
        self.encoder = equipment.embedder
        self._seed = launch.seed
        self._listeners = tuple(listeners)
        self._idle_actions = idle_actions
        self._workflows = {workflow.intent: workflow for workflow in app.workflows}
        self._index = None if equipment.retriever is None else index_identity(equipment.retriever)
        if router is None and len(app.workflows) > 1:
            raise UsageError(f"The app '{app.name}' has several workflows: give an encoder to tell them apart.")
        self._gate = Gate(self._workflows, router, launch.gate)

    @classmethod
    async def open(
        cls,
        app: App,
        journal: Journal,
        state: Path,
        today: date,
        equipment: Equipment = Equipment(),
        launch: Launch = Launch(),
        *,
        prepared: bool = False,
        listeners: Sequence[Listener] = (),
        progress: Callable[[str], None] = lambda text: None,
        idle_actions: bool = False,
        fitted: Callable[[Profile], Profile] = lambda profile: profile,
        trusted: bool = False,
    ) -> Pipeline:
        """Fit the gate and, unless it is `prepared`, let the app prepare its folder, both in threads.

        `idle_actions`: no action is done (`Execution`). `fitted`: an engine's profile as the folder wants it.
        `trusted`: whether the model may choose (trust.py).
        """
        router = None
        if equipment.embedder is not None and (len(app.workflows) > 1 or app.out_of_scope_examples):
            router = await asyncio.to_thread(open_router, app, equipment.embedder, progress)
        if not prepared:
            await asyncio.to_thread(app.make_ready, state, today)
        return cls(
            app, journal, state, today, equipment, launch, router, listeners, progress, idle_actions, fitted, trusted
        )

    async def serve(self, record: Record, memory: Memory | None = None) -> Outcome:
        """Serve one record, from where its journal stands, to an outcome, which is durable on return.

        `memory`: what earlier records of the same conversation collected; None for a record that stands alone.

        Whatever the workflow raises becomes an outcome. EngineUnavailable and JournalError are raised: the record
        stays unfinished, and handling it again later continues.
        """
        outcome, _ = await self.serve_to_line(record, memory=memory)
        return outcome

    async def serve_to_line(
        self, record: Record, alone: bool = False, memory: Memory | None = None, begun: bool = True
    ) -> tuple[Outcome, str]:
        """As `serve`; also the outcome's line for results.jsonl, without the line break.

        `alone`: it is the only record in flight, because it is suspected of killing processes. `begun`: work on it may
        have begun before, which the journal is asked about.
        """
        past = self.journal.past(record.id) if begun else None
        today = past.today if past else self.today
        if past is None:
            self.journal.begin(record.id, record.input, today)
        starting = RecordStarted(record.id, resumed=past is not None)
        await self.journal.start(starting, alone)
        self._tell(starting)
        execution = Execution(record.id, self.journal, today, self.state, past, self._tell, self._idle_actions)
        if memory is None and past and any(step.name.startswith((KEPT, RECALLED)) for step in past.steps.values()):
            memory = Memory()  # served once more outside of its conversation: what it recalled is in its journal
        retries = past.retries if past else 0
        *earlier, seed = [self._seed + RETRY_STRIDE * retry for retry in range(retries + 1)]
        context = RunContext(
            execution,
            self.client,
            self._equipment.retriever,
            seed,
            earlier,
            second=self._second,
            memory=memory,
            encoder=self._equipment.embedder,
            prompts=self._prompts,
        )
        converses = self.journal.is_followed(record.id)
        talks = converses and not (past and past.steps)
        dispatch = Dispatch(self.app, self._workflows, self._gate, execution, self._tell, talks, converses)
        try:
            done = await dispatch.follow(Run.begin(context, record.conversation))
        finally:
            await execution.positions.close()
        return await self._finish(record, dispatch, execution.steps, done.ending, done.trace)

    async def quarantine(self, record: Record, why: str | Escalation) -> tuple[Outcome, str]:
        """Let a record fail, or hand it over, without serving it once more; its outcome and line as `serve_to_line`."""
        ending = Ending("escalated", escalation=why) if isinstance(why, Escalation) else Ending("failed", error=why)
        return await self._finish(record, None, self.journal.steps(record.id), ending)

    async def _finish(
        self,
        record: Record,
        dispatch: Dispatch | None,
        steps: Sequence[StepRow],
        ending: Ending,
        trace: str | None = None,
    ) -> tuple[Outcome, str]:
        left = () if dispatch is None else tuple(dispatch.unserved)
        outcome = Outcome(
            record.id,
            None if dispatch is None else dispatch.intent,
            ending,
            receipt(
                steps,
                engine=self._equipment.engine,
                decisions=[] if dispatch is None else [decision.row() for decision in dispatch.decisions],
                index=self._index,
                unserved=left,
            ),
            () if dispatch is None else tuple(dispatch.parts),
            left,
        )
        told: Sequence[Event] = ()
        if self.journal.is_followed(record.id):
            before = self.journal.ends(record.id) if outcome.parts else 0
            told = endings(outcome, self.journal.steps(record.id), before)
        line = await self.journal.finish(outcome, trace, told)
        self._tell(RecordFinished(record.id, outcome.status, outcome.intent))
        if self._equipment.telemetry is not None:
            self._equipment.telemetry.record(outcome, steps)
        return outcome, line

    def _tell(self, event: Event) -> None:
        if not isinstance(event, RecordStarted):  # which is in the journal already
            self.journal.tell(event)
        for listener in self._listeners:
            listener(event)
