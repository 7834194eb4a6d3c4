"""RunContext and Scope: what a record is served with, and what one workflow on its way has said, learned and may do.

Knows what belongs to one workflow alone and what it hands to the next: a workflow that it calls, or a request that
follows in the same record, has a scope of its own. Neither asks, calls nor does anything itself.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.grammar.grammar import normalise
from pipeline.action import Action
from pipeline.completions.completing import Completing
from pipeline.completions.embedding import Encoder
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.errors import ActionNotUnlocked, NotApproved
from pipeline.forms.amending import Amending
from pipeline.forms.collected import Collected
from pipeline.forms.filling import Filling
from pipeline.forms.interview import Elsewhere, Interview
from pipeline.forms.leniency import Guessed
from pipeline.forms.memory import Memory
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.generation import Generation, tries_in
from pipeline.generation.recovery import LADDER, Rung
from pipeline.generation.retrieval import Query, Retrieval
from pipeline.journal.rows import StepRow, digest
from pipeline.outcome import Escalation
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.workflow import Workflow

if TYPE_CHECKING:
    from index.retriever import Retriever


@dataclass(frozen=True)
class RunContext:
    """What a record is served with, from its beginning to its end.

    `earlier_seeds`: those of its servings before each retry, of which steps may have been kept. `memory`: None outside
    of a conversation. `prompts`: what models are told for this app. `guessed`: values that an
    action must not use unconfirmed.
    """

    execution: Execution
    client: EngineClient | None = None
    retriever: Retriever | None = None
    seed: int = 0
    earlier_seeds: Sequence[int] = ()
    ladder: Sequence[Rung] = LADDER
    second: EngineClient | None = None
    memory: Memory | None = None
    encoder: Encoder | None = None
    prompts: Prompts = field(default_factory=Prompts)
    guessed: Guessed = field(default_factory=dict)


@dataclass(frozen=True)
class Returned:
    """What a caller learns of a call beside its ending: what was said in it, and which forms a model was asked for."""

    turns: Sequence[Turn] = ()
    tries: Sequence[str] = ()

    @classmethod
    def of(cls, call: StepRow, inside: Sequence[StepRow]) -> Returned:
        """The same from the journal: of a call, and the steps inside it."""
        turns = [Turn(role, text) for role, text in call.detail["turns"]]
        answers = Counter(normalise(json.loads(step.result or '""')) for step in inside if step.name == "ask")
        if len(turns) > 2 * answers.total():
            turns = _own(turns, answers)
        return cls(turns, tries_in(inside))


class Scope:
    """The state of one workflow, or of one request before the gate has decided about it.

    `conversation`, `tries`, `queries`: what was said, asked of a model and looked up by then; `before`: the forms of
    requests before this one in the same record. Tasks under gather share a scope, and a History keeps them apart.
    """

    def __init__(
        self,
        context: RunContext,
        conversation: Iterable[Turn],
        *,
        text: str | None = None,
        tries: Iterable[str] = (),
        queries: Iterable[Query] = (),
        before: Memory | None = None,
        sure: bool = True,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        execution = context.execution
        positions, today, state = execution.positions, execution.today, execution.state
        turns = tuple(conversation)
        said = (turn.text for turn in turns if turn.role == "customer" and not turn.earlier)
        self.text = "\n".join(said) if text is None else text
        self.context = context
        self.conversation = History(positions, turns)
        self.collected = Collected(self.text, today, state, positions)
        self.sure = sure
        tried = tuple(tries)
        self._tries = History(positions, tried)
        self._said, self._tried = len(turns), len(tried)
        self._queries = History(positions, queries)
        self._before = before or Memory()
        self._workflow: Workflow | None = None
        self._approved: History[tuple[str, str]] = History(positions)
        self._calls: Counter[Workflow] = Counter()
        self.generation = Generation(
            execution,
            context.client,
            today,
            self.collected.holds,
            self._tries,
            seed=context.seed,
            earlier_seeds=context.earlier_seeds,
            ladder=context.ladder,
            second=context.second,
            prompts=context.prompts,
        )
        self.interview = Interview(self.conversation, execution, elsewhere or Elsewhere())

    # Made when first used: most workflows use a few

    @functools.cached_property
    def completing(self) -> Completing:
        """What asks the model for answers in OpenAI's form."""
        context = self.context
        return Completing(context.execution, context.client, context.encoder, context.seed, context.earlier_seeds)

    @functools.cached_property
    def retrieval(self) -> Retrieval:
        """What looks up passages."""
        return Retrieval(self.context.execution, self.context.retriever, self._queries, self.conversation)

    @functools.cached_property
    def filling(self) -> Filling:
        """What fills forms."""
        context = self.context
        return Filling(
            self.interview,
            context.execution.today,
            context.execution,
            self.generation,
            self.collected.holds,
            context.memory,
            self._before,
            context.guessed,
        )

    @functools.cached_property
    def amending(self) -> Amending:
        """What changes forms that were collected."""
        context = self.context
        return Amending(self.collected, self.filling, context.execution, context.execution.today, context.guessed)

    # What follows in another scope

    def child(self) -> Scope:
        """For a workflow that is called now: the same request and all that was said; nothing collected or allowed."""
        return Scope(
            self.context,
            self.conversation,
            text=self.text,
            tries=self._tries,
            queries=self._queries,
            before=self._before,
            sure=self.sure,
            elsewhere=self.interview.elsewhere,
        )

    def about(self, text: str | None) -> Scope:
        """For the next request of the record, as `Run.about`."""
        turns = self.conversation.seen()
        if text is not None:
            turns = (*(dataclasses.replace(turn, earlier=True) for turn in turns), Turn("customer", text))
        return Scope(
            self.context,
            turns,
            text=self.text if text is None else text,
            tries=self._tries.seen(),
            before=functools.reduce(Memory.with_form, self.collected.values.seen(), self._before),
            sure=self.sure,
            elsewhere=self.interview.elsewhere,
        )

    def returned(self, whole: bool) -> Returned:
        """What the caller learns of the call that this is. `whole`: it came to its end, and with it all its tasks."""
        if whole:
            self.settle()
        return Returned(self.conversation.seen()[self._said :], self._tries.seen()[self._tried :])

    def take(self, returned: Returned) -> None:
        """A call has ended, and it belongs to this scope as well what was said and tried in it."""
        self.conversation.add(*returned.turns)
        self._tries.add(*returned.tries)

    # Passes

    def start_over(self) -> None:
        """Another pass: of the forms only their values are kept, approvals are given anew, calls count from zero."""
        self.collected.start_over()
        self._approved = History(self.context.execution.positions)
        self._calls.clear()

    def settle(self) -> None:
        """The workflow came to its end: what its tasks added belongs to what was said and collected from now on."""
        self.conversation.join()
        self._tries.join()
        self.collected.values.join()

    # What is allowed

    def unlock(self, workflow: Workflow) -> None:
        """Allow what a workflow lists, and only that; a model is told its instructions from now on."""
        self._workflow = workflow
        self.generation.prompts = self.context.prompts.told(workflow.instructions)

    def approve(self, action: Action[..., Any], marked: str) -> None:
        """A person approved an action with the arguments that have this digest."""
        self._approved.add((action.name, marked))

    def check(self, action: Action[..., Any], args: Sequence[object]) -> tuple[str, str | None]:
        """The intent that allows an action, and the digest of its arguments if a person approved them.

        ActionNotUnlocked if no intent does, NotApproved if it needs an approval that these arguments do not have.
        """
        workflow = self._workflow
        if workflow is None or not workflow.unlocks(action):
            raise ActionNotUnlocked(action.name, workflow.intent if workflow else "none")
        marked = digest(list(args), self.context.execution.state)
        approval = marked if (action.name, marked) in self._approved else None
        if action.approval and approval is None:
            raise NotApproved(action.name)
        return workflow.intent, approval

    def count(self, other: Workflow) -> int:
        """One call more of a workflow, and which one of this pass it is. All tasks count as one: a cap is a cap."""
        self._calls[other] += 1
        return self._calls[other]

    def check_call(self, other: Workflow, number: int) -> None:
        """ActionNotUnlocked if a called workflow is not listed, Escalation if this is one call too many."""
        caller = self._workflow
        if caller is None or other not in caller.calls:
            raise ActionNotUnlocked(other.__name__, caller.intent if caller else "none", "calls")
        if number > caller.calls[other]:
            most = caller.calls[other]
            raise Escalation("human", f"'{other.__name__}' was called {most} times without coming to an end.")


def _own(turns: Sequence[Turn], answers: Counter[str]) -> list[Turn]:
    """Of what an earlier version kept of a call, those of calls beside it included: what was answered inside."""
    left, own = answers.copy(), []
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        if left[answer.text] > 0:
            left[answer.text] -= 1
            own += [question, answer]
    return own
