"""Run: what a workflow holds in its hand. Every method that waits is a step of the journal.

Knows what a workflow may ask for and do, and who does it: choose.py and answer.py ask a model, filling.py and
amending.py a person, retrieval.py the app's documents; permissions.py says what is allowed, calls.py calls other
workflows, execution.py keeps it all.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from index.documents import Passage
from models.contract import Contract
from pipeline.action import Action, Step
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.events import Event
from pipeline.forms.amending import Amending
from pipeline.forms.collected import Collected
from pipeline.forms.filling import Filling
from pipeline.forms.interview import Elsewhere, Interview
from pipeline.forms.memory import Memory
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.fusing import Written
from pipeline.generation.generation import Generation
from pipeline.generation.recovery import LADDER, Rung
from pipeline.generation.retrieval import Retrieval
from pipeline.guardrail import Guardrail
from pipeline.journal.rows import digest
from pipeline.outcome import Question
from pipeline.record import Turn
from pipeline.run.answer import Answering
from pipeline.run.calls import Calls
from pipeline.run.choose import Choosing
from pipeline.run.permissions import Permissions
from pipeline.run.progress import ProgressUpdates
from pipeline.workflow import Workflow

if TYPE_CHECKING:
    from index.retriever import Retriever

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Contract)


class Run:
    """One record on its way through one workflow.

    `text` is what the customer asks for, `conversation` all turns so far with questions and answers, `today` the
    day of the run, `state` the folder where the app keeps its own files, `id` the record's custom_id.
    """

    def __init__(
        self,
        id: str,
        conversation: Sequence[Turn],
        today: date,
        state: Path,
        execution: Execution,
        client: EngineClient | None = None,
        retriever: Retriever | None = None,
        *,
        seed: int = 0,
        tell: Callable[[Event], None] = lambda event: None,
        told: int = 0,
        ladder: Sequence[Rung] = LADDER,
        second: EngineClient | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.id = id
        self.conversation = list(conversation)
        self.text = _said(conversation)
        self.today = today
        self.state = state
        self.sure = True
        """Whether the gate is sure of the intent, or somebody was asked; if not, have an action confirmed first."""
        self._execution = execution
        self._memory = memory
        self._before = Memory()
        self._elsewhere: Elsewhere | None = None
        self._retrieval = Retrieval(execution, retriever)
        self._progress = ProgressUpdates(id, tell, told)
        collected = Collected(self.text, today, state)
        self._equip(
            collected, Generation(execution, client, today, collected.holds, seed=seed, ladder=ladder, second=second)
        )

    @property
    def decides(self) -> bool:
        """Whether the model is trusted to weigh evidence and to choose."""
        return self._generation.decides

    @property
    def memory(self) -> Memory:
        """What earlier requests of the same conversation collected, did and found; empty outside of one."""
        return self._memory or Memory()

    def unlock(self, workflow: Workflow) -> None:
        """Allow the workflow's actions, and only those. The pipeline calls it after the gate."""
        self._permissions.unlock(workflow)

    def about(self, text: str | None) -> Run:
        """A run of the same record whose request is this text; everything said so far counts as said earlier.

        None: the same request, begun again with no form filled. The new run knows the forms that this one collected,
        for what would be asked otherwise. The pipeline calls it.
        """
        other = copy.copy(self)
        other.conversation = list(self.conversation)
        if text is not None:
            other.conversation = [dataclasses.replace(turn, earlier=True) for turn in self.conversation]
            other.conversation.append(Turn("customer", text))
            other.text = text
        other._before = functools.reduce(Memory.with_form, self._collected, self._before)
        other._retrieval = self._retrieval.fresh()
        other._again()
        return other

    def listen(self, elsewhere: Elsewhere) -> None:
        """Let `elsewhere` tell of answers that change the subject. The pipeline calls it."""
        self._elsewhere = elsewhere

    def start_over(self) -> None:
        """Begin another pass with the forms as they were amended. The pipeline calls it."""
        self._forget()
        self._execution.start_over()

    # Asking a model

    async def collect(self, contract: type[C], *, guardrails: Sequence[Guardrail] = ()) -> C:
        """Fill a form from the conversation; ask one question about one field for whatever is missing or unreadable.

        A guardrail with a `field` becomes a question about that field; one without ends in GuardrailViolation.
        Raises Suspend while an answer is awaited, and Escalation after two useless answers about the same field.
        """
        form, values = await self._filling.collect(contract, self._collected.forms.get(contract), guardrails)
        self._collected.collect(form, values)
        return form

    async def generate(
        self,
        contract: type[C],
        question: str,
        evidence: Sequence[Passage] = (),
        guardrails: Sequence[Guardrail] = (),
    ) -> C:
        """Ask a model a question about passages. The answer is valid under its contract and holds every guardrail.

        For a model that is not trusted with decisions the evidence is narrowed to the one sentence nearest to the
        question, so that a Quote is forced; fields that need judgement are then a person's business (Escalation).
        Raises Escalation when the recovery ladder is exhausted or there is nothing to quote.
        """
        answer = await self._answering.answer(contract, question, evidence, guardrails)
        self._collected.add(answer)
        return answer

    async def choose(self, question: str, options: Sequence[str] | Mapping[str, str]) -> str:
        """One of the options (names, or name to description): a model's choice if it is trusted, else a person's.

        A single option is returned without asking anybody. UsageError without options.
        """
        return await self._choosing.choose(question, options)

    async def pick(self, question: str, options: Mapping[str, str]) -> str:
        """A model's choice among options, trusted or not; use `choose`."""
        return await self._choosing.pick(question, options)

    async def weigh(self, question: str, options: Mapping[str, str]) -> dict[str, float]:
        """How likely a model finds each option (name to description), sum 1, whatever their order; for the gate.

        An engine that takes no grammars cannot be weighed: all goes to its choice.
        """
        return await self._choosing.weigh(question, options)

    async def fuse(
        self, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]
    ) -> Written | None:
        """As `weigh`, with the form of the option that the model chose from the same call; for the gate.

        `forms`: option to the form that its workflow collects first. None if that cannot be done in one: without forms,
        with an engine that cannot be weighed, or where earlier turns count for the choice but not for the form.
        """
        return await self._choosing.fuse(question, options, forms)

    def take(self, contract: type[Contract], written: Written) -> None:
        """Let the first `collect` of a form have what was written with the choice; for the gate."""
        self._filling.take(contract, written)

    async def retrieve(
        self, query: str, k: int = 4, *, where: str | None = None, least: float | None = None
    ) -> list[Passage]:
        """The at most k passages that fit a query best; none, if nothing fits `where` or is as similar as `least`.

        `where`: a condition on metadata, 'lang = "en"'. `least`: a cosine, `interlock index evaluate` says which. The
        journal keeps the index's version, the ids, and why there are none. UsageError if the app has no knowledge.
        """
        return await self._retrieval.retrieve(query, k, where, least)

    def in_context(self, query: str) -> str:
        """A query with the words of collected forms before it that it does not hold: "Is there parking?" alone finds
        another hotel's. Names and choices are such words; numbers, days and private fields are not.
        """
        return self._collected.in_context(query)

    # Asking a person

    async def ask(self, question: str, *, field: str | None = None, choices: Sequence[str] | None = None) -> str:
        """A person's answer; with `choices`, exactly one of them.

        Raises Suspend until it is answered, and Escalation when two answers in a row name none of the choices.
        """
        asked = Question(field, question, None if choices is None else tuple(choices))
        return await self._filling.interview.answer(asked)

    async def confirm(self, question: str) -> bool:
        """A person's yes or no. Raises as `ask`."""
        return await self._amending.agreed(question)

    async def approve(self, action: Action[..., Any], *args: Any, question: str) -> bool:
        """A person's yes or no to an action with exactly these arguments; `do` with others needs a new one.

        Raises as `ask`.
        """
        marked = digest(list(args), self.state)
        approved = await self._amending.agreed(question, about=(action.name, marked))
        if approved:
            self._permissions.approve(action, marked)
        return approved

    async def require(self, guardrail: Guardrail, *args: object, field: str | None = None) -> None:
        """Go on only if a guardrail holds for `args` (and forms collected before, by field name or type).

        Violated, its docstring is put as a question about `field` (default: the guardrail's own) to the customer, and
        after the answer the workflow starts over with the changed form. Without a field: GuardrailViolation.
        """
        await self._amending.require(guardrail, args, field)

    # Doing

    async def do(self, action: Action[P, R], *args: Any) -> R:
        """Do an action once, whatever crashes. ActionNotUnlocked if the intent does not list it.

        NotApproved if it needs an approval that these arguments do not have. Raises Refused if it did nothing,
        StepFailed if it failed without effect, and Escalation when nobody can know.
        """
        intent, approval = self._permissions.check(action, args)
        result: R = await self._execution.do(action, args, intent, approval)
        return result

    async def call(self, other: Workflow, *args: Any) -> Any:
        """Call another workflow as one step, with the same conversation and `args` after its Run; what it returns.

        It unlocks its own actions and no others, and begins with no form filled. ActionNotUnlocked if the calling
        workflow does not list it; Escalation if it was called as often as it may, or hands over to a person itself.
        """
        self._permissions.count(other)
        inner = copy.copy(self)
        inner._again()
        inner.unlock(other)
        return await self._calls.call(other, args, lambda: other.body(inner, *args), inner._forget)

    async def step(self, function: Step[P, R] | Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an async function once and keep its result. StepFailed if it raises."""
        step = function if isinstance(function, Step) else _step(function)
        if isinstance(step, Action):
            raise UsageError(f"'{step.name}' is an action: call it with run.do, which makes sure that it happens once.")

        async def execute(note: Note) -> R:
            return await step.function(*args, **kwargs)

        arguments: list[object] = [*args, kwargs] if kwargs else list(args)
        result: R = await self._execution.step(step.name, arguments, execute, step.adapter)
        return result

    def say(self, text: str) -> None:
        """Tell whoever waits what happens now ("Searching flights…"). Told once, also when the run is resumed."""
        self._progress.say(text)

    # How

    def _equip(self, collected: Collected, generation: Generation) -> None:
        """Begin with no form filled, nothing known and nothing allowed."""
        interview = Interview(self.conversation, self._execution, self._is_elsewhere)
        self._collected = collected
        self._generation = generation
        self._permissions = Permissions(self.state)
        self._filling = Filling(
            interview, self.today, self._execution, generation, collected.holds, self._memory, self._before
        )
        self._amending = Amending(collected, self._filling, self._execution, self.today)
        self._choosing = Choosing(generation, self._filling)
        self._answering = Answering(generation, self._retrieval, interview, self._amending)
        self._calls = Calls(self._execution, self.conversation, self._progress)

    def _again(self) -> None:
        """The same for a copy of another run: it asks the same model."""
        collected = Collected(self.text, self.today, self.state)
        self._equip(collected, self._generation.held_by(collected.holds))

    def _forget(self) -> None:
        """Keep of the pass that ends only the values of its forms."""
        self._collected.start_over()
        self._permissions.start_over()

    async def _is_elsewhere(self, answer: str) -> bool:
        return self._elsewhere is not None and await self._elsewhere(answer)


def _said(conversation: Sequence[Turn]) -> str:
    """What the customer said about this request."""
    return "\n".join(turn.text for turn in conversation if turn.role == "customer" and not turn.earlier)


_STEPS: dict[object, Any] = {}


def _step(function: Callable[P, Awaitable[R]]) -> Step[P, R]:
    """A bare async function as a step; remembered, because its result's adapter is costly to build."""
    collected: Step[P, R] | None = _STEPS.get(function)
    if collected is None:
        collected = _STEPS[function] = Step(function)
    return collected
