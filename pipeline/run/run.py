"""Run: what a workflow holds in its hand. Every method that waits is a step of the journal.

Knows what a workflow may ask for and do, and who does it: choose.py and answer.py ask a model, filling.py and
amending.py a person, retrieval.py the app's documents, call.py other workflows; scope.py says what is known and
allowed, execution.py keeps it all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from index.documents import Passage
from models.contract import Contract
from models.engines.engine import Message
from pipeline.action import CUSTOMER, Action, Step, step_of
from pipeline.completions.request import Request
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.forms.amending import settled
from pipeline.forms.interview import Elsewhere
from pipeline.forms.memory import Memory
from pipeline.generation.fusing import Written
from pipeline.generation.task import Told
from pipeline.guardrail import Guardrail
from pipeline.journal.rows import canonical, digest
from pipeline.outcome import Approval, Ending, Question
from pipeline.prompts.example import Example
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.run import choose
from pipeline.run.answer import answer, write
from pipeline.run.call import call_workflow
from pipeline.run.scope import RunContext, Scope
from pipeline.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Contract)


class Run:
    """One record on its way through one workflow."""

    def __init__(self, context: RunContext, scope: Scope) -> None:
        self._context = context
        self._execution = context.execution
        self._scope = scope

    @classmethod
    def begin(cls, context: RunContext, conversation: Sequence[Turn]) -> Run:
        """A run of a record of which nothing is known but what was said."""
        return cls(context, Scope(context, conversation))

    @property
    def id(self) -> str:
        """The record's custom_id."""
        return self._execution.record

    @property
    def text(self) -> str:
        """What the customer asks for."""
        return self._scope.text

    @property
    def conversation(self) -> list[Turn]:
        """All turns so far, with questions and answers; in a task under gather, none of the tasks beside it."""
        return list(self._scope.conversation)

    @property
    def today(self) -> date:
        """The day of the run."""
        return self._execution.today

    @property
    def state(self) -> Path:
        """The folder where the app keeps its own files."""
        return self._execution.state

    @property
    def sure(self) -> bool:
        """Whether the gate is sure of the intent, or somebody was asked; if not, have an action confirmed first."""
        return self._scope.sure

    @property
    def chooses(self) -> bool:
        """Whether the model may choose among options; for the gate."""
        return self._scope.generation.chooses

    @property
    def memory(self) -> Memory:
        """What earlier requests of the same conversation collected, did and found; empty outside of one."""
        return self._context.memory or Memory()

    # For the pipeline and its gate

    @property
    def prompts(self) -> Prompts:
        """What models are told for this app, before a workflow adds to it."""
        return self._context.prompts

    def unlock(self, workflow: Workflow, sure: bool = True) -> None:
        """Allow the workflow's actions, and only those. `sure`: as the attribute."""
        self._scope.unlock(workflow)
        self._scope.sure = sure

    async def serve(self, workflow: Workflow, *args: Any) -> object:
        """What an unlocked workflow comes to, called once more from the top after each change of a form."""
        ending = await settled(lambda: workflow.body(self, *args), self._start_over)
        self._scope.settle()
        return ending

    def about(self, text: str | None) -> Run:
        """A run of the same record whose request is this text; everything said so far counts as said earlier.

        None: the same request, begun again with no form filled. The new run knows the forms that this one collected,
        for what would be asked otherwise.
        """
        return Run(self._context, self._scope.about(text))

    def aside(self) -> Run:
        """A run for a question beside the matter: what is said in it is no part of the conversation."""
        return Run(self._context, self._scope.child())

    async def select(self, question: str, choices: Sequence[str], *, field: str | None = None) -> tuple[str, ...]:
        """As `ask`, for where an answer may want several of the choices ("both"), in its order; for the gate."""
        return await self._scope.interview.select(Question(field, question, tuple(choices)))

    def listen(self, elsewhere: Elsewhere) -> None:
        """Let `elsewhere` tell of answers that change the subject."""
        self._scope.interview.elsewhere = elsewhere

    # Asking a model

    async def collect(
        self,
        contract: type[C],
        *,
        guardrails: Sequence[Guardrail] = (),
        instructions: str = "",
        examples: Sequence[Example] = (),
    ) -> C:
        """Fill a form from the conversation; ask one question about one field for whatever is missing or unreadable.

        A guardrail with a `field` becomes a question about that field; one without ends in GuardrailViolation.
        `instructions` are told to the model behind those of app and workflow; `examples` of filled forms are shown to
        it as turns, and are a UsageError where the form could not be filled so.
        Raises Suspend while an answer is awaited, and Escalation after two useless answers about the same field.
        """
        form, values = await self._scope.filling.collect(
            contract, self._scope.collected.forms.get(contract), guardrails, Told(instructions, tuple(examples))
        )
        self._scope.collected.collect(form, values)
        return form

    async def generate(
        self,
        contract: type[C],
        question: str,
        evidence: Sequence[Passage] = (),
        guardrails: Sequence[Guardrail] = (),
        *,
        instructions: str = "",
        examples: Sequence[Example] = (),
    ) -> C:
        """Ask a model a question about passages. The answer is valid under its contract and holds every guardrail.

        `instructions` and `examples` as for `collect`.
        For a model that is not trusted with decisions the evidence is narrowed to the one sentence nearest to the
        question, so that a Quote is forced; fields that need judgement are then a person's business (Escalation).
        Raises Escalation when the recovery ladder is exhausted or there is nothing to quote.
        """
        found = await answer(self._scope, contract, question, evidence, guardrails, Told(instructions, tuple(examples)))
        self._scope.collected.add(found)
        return found

    async def complete(self, request: Request, any_model: bool = False) -> Ending:
        """The model's own answer to a request of OpenAI's API, with every option obeyed: its body as the result.

        `any_model`: whichever model the request names. UsageError names an option that what serves cannot obey.
        """
        body = await self._scope.completing.complete(request, any_model)
        return Ending("completed", result=body, contract=request.shape.name)

    async def write(
        self, contract: type[C], said: str, messages: Sequence[Message], evidence: Sequence[Passage] = ()
    ) -> C:
        """A valid value of a contract, for messages that are the caller's own and stand in no layout.

        Words may be copied from `said` and from the passages. Escalation when the recovery ladder is exhausted.
        """
        return await write(self._scope, contract, said, messages, evidence)

    async def choose(
        self,
        question: str,
        options: Sequence[str] | Mapping[str, str],
        *,
        instructions: str = "",
        examples: Sequence[Example] = (),
    ) -> str:
        """One of the options (names, or name to description): a model's choice if it is trusted, else a person's.

        A single option is returned without asking anybody. UsageError without options. `instructions` and `examples`,
        with an option's name as the answer, as for `collect`.
        """
        return await choose.choose(self._scope, question, options, Told(instructions, tuple(examples)))

    async def pick(self, question: str, options: Mapping[str, str]) -> str:
        """A model's choice among options, trusted or not; use `choose`."""
        return await choose.pick(self._scope, question, options)

    async def weigh(self, question: str, options: Mapping[str, str]) -> dict[str, float]:
        """How likely a model finds each option (name to description), sum 1, whatever their order; for the gate.

        An engine that takes no grammars cannot be weighed: all goes to its choice.
        """
        return await choose.weigh(self._scope, question, options)

    async def fuse(
        self, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]
    ) -> Written | None:
        """As `weigh`, with the form of the option that the model chose from the same call; for the gate.

        `forms`: option to the form that its workflow collects first. None if that cannot be done in one: without forms,
        with an engine that cannot be weighed, or where earlier turns count for the choice but not for the form.
        """
        return await choose.fuse(self._scope, question, options, forms)

    def take(self, contract: type[Contract], written: Written) -> None:
        """Let the first `collect` of a form have what was written with the choice; for the gate."""
        self._scope.filling.drafting.take(contract, written)

    async def retrieve(
        self, query: str, k: int = 4, *, where: str | None = None, least: float | None = None
    ) -> list[Passage]:
        """The at most k passages that fit a query best; none, if nothing fits `where` or is as similar as `least`.

        `where`: a condition on metadata, 'lang = "en"'. `least`: a cosine, `interlock index evaluate` says which. The
        journal keeps the index's version, the ids, and why there are none. UsageError if the app has no knowledge.
        """
        return await self._scope.retrieval.retrieve(query, k, where, least)

    def in_context(self, query: str) -> str:
        """A query with the words of collected forms before it that it does not hold: "Is there parking?" alone finds
        another hotel's. Names and choices are such words; numbers, days and private fields are not.
        """
        return self._scope.collected.in_context(query)

    # Asking a person

    async def ask(self, question: str, *, field: str | None = None, choices: Sequence[str] | None = None) -> str:
        """A person's answer; with `choices`, exactly one of them.

        Raises Suspend until it is answered, and Escalation when two answers in a row name none of the choices.
        """
        if choices is not None and (isinstance(choices, str) or not choices):
            raise UsageError(f"{choices!r} is no list of choices: pass one or more, or None for an answer in words.")
        asked = Question(field, question, None if choices is None else tuple(choices))
        return await self._scope.interview.answer(asked)

    async def confirm(self, question: str) -> bool:
        """A person's yes or no. Raises as `ask`."""
        return await self._scope.amending.agreed(question)

    async def approve(self, action: Action[..., Any], *args: Any, question: str) -> bool:
        """The yes or no of the action's role to exactly these arguments; `do` with others needs a new one.

        Where it names a role, the customer is not asked and cannot answer: it waits on the desk, and in
        approvals.jsonl. Else the customer confirms the arguments. Raises as `ask`.
        """
        marked, wanted = digest(list(args), self.state), None
        if action.approval not in ("", CUSTOMER):
            wanted = Approval(action.approval, action.name, canonical(list(args), self.state), marked)
        approved = await self._scope.amending.agreed(question, (action.name, marked), wanted)
        if approved:
            self._scope.approve(action, marked)
        return approved

    async def require(self, guardrail: Guardrail, *args: object, field: str | None = None) -> None:
        """Go on only if a guardrail holds for `args` (and forms collected before, by field name or type).

        Violated, its docstring is put as a question about `field` (default: the guardrail's own) to the customer, and
        after the answer the workflow starts over with the changed form. Without a field: GuardrailViolation.
        """
        await self._scope.amending.require(guardrail, args, field)

    # Doing

    async def do(self, action: Action[P, R], *args: Any) -> R:
        """Do an action once, whatever crashes. ActionNotUnlocked if the intent does not list it.

        A value that a lenient class read from an answer which says more is confirmed first, unless it was (as `ask`).
        NotApproved if it needs an approval that these arguments do not have. Raises Refused if it did nothing,
        StepFailed if it failed without effect, and Escalation when nobody can know.
        """
        intent, approval = self._scope.check(action, args)
        if approval is None and not self._execution.comes_to(action.name):
            await self._scope.amending.assure(args)
        result: R = await self._execution.do(action, args, intent, approval)
        return result

    def call(self, other: Workflow, *args: Any) -> Coroutine[Any, Any, Any]:
        """Call another workflow as one step, with the same conversation and `args` after its Run; what it returns.

        It unlocks its own actions and no others, and begins with no form filled. Under gather it does not see what is
        said in the calls beside it. ActionNotUnlocked if the calling workflow does not list it; Escalation if it was
        called as often as it may, or hands over to a person itself.
        """
        # Not in the coroutine: what a call knows is settled before those beside it begin, in whatever order they run.
        inner, number = Run(self._context, self._scope.child()), self._scope.count(other)
        return call_workflow(
            self._execution, self._scope, inner._scope, other, args, number, lambda: inner.serve(other, *args)
        )

    async def step(self, function: Step[P, R] | Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an async function once and keep its result. StepFailed if it raises."""
        step = function if isinstance(function, Step) else step_of(function)
        if isinstance(step, Action):
            raise UsageError(f"'{step.name}' is an action: call it with run.do, which makes sure that it happens once.")

        async def execute(note: Note) -> R:
            return await step.function(*args, **kwargs)

        arguments: list[object] = [*args, kwargs] if kwargs else list(args)
        result: R = await self._execution.step(step.name, arguments, execute, step.adapter)
        return result

    def say(self, text: str) -> None:
        """Tell whoever waits what happens now ("Searching flights…"). Told once, also when the run is resumed."""
        self._execution.say(text)

    async def _start_over(self) -> None:
        """Keep of the pass that ends only the values of its forms."""
        await self._execution.positions.start_over()
        self._scope.start_over()
