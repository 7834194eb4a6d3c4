"""Run: what a workflow holds in its hand. Every method that waits is a step of the journal.

Knows what a workflow may ask for and do, and what has become known so far; leaves asking a model to generation.py,
asking a person to interview.py and filling.py, durability to replay.py, and the wording of prompts to prompts.py.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar

from pydantic import TypeAdapter, create_model

from index.documents import Passage
from models.contract import Contract
from models.grammar import compile_grammar
from models.reading import read
from models.said import QuoteMark
from pipeline import clarify, prompts
from pipeline.conversation import Turn
from pipeline.errors import ActionNotUnlocked, GuardrailViolation, NotApproved, UsageError
from pipeline.events import Event, Said
from pipeline.filling import Filling
from pipeline.fusing import Written
from pipeline.gateway import Gateway
from pipeline.generation import Generation, Task
from pipeline.guardrails import Guardrail
from pipeline.interview import Elsewhere, Interview, short
from pipeline.memory import Memory
from pipeline.outcome import Escalation, Question
from pipeline.recovery import LADDER, Rung
from pipeline.replay import Note, Replay
from pipeline.step import digest
from pipeline.workflow import Action, Step, Workflow

if TYPE_CHECKING:
    from index.retriever import Retriever

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Contract)

_PASSAGES: TypeAdapter[list[Passage]] = TypeAdapter(list[Passage])
_SENTENCE: TypeAdapter[tuple[Passage, str, float] | None] = TypeAdapter(tuple[Passage, str, float] | None)
_NAME: TypeAdapter[str | None] = TypeAdapter(str | None)


RELEVANT = 0.40
"""Least similarity (cosine) of a sentence to a question that it may answer, where the encoder alone decides.

Settled on the travel app's policy examples, of which 89 % find such a sentence (most of the others have no answer in
its documents), and on 250 utterances of CLINC150 about other matters, of which 92 % find none.
"""


PASSES = 8
"""How often a workflow may start over because a person changed a form: more than the questions' own limits allow."""


class Amended(BaseException):
    """A person changed a field after it was used: the workflow starts over with what is known now. Internal."""


@dataclasses.dataclass
class _Says:
    """How many updates were told so far, by a run and the workflows it calls."""

    spoken: int = 0


@dataclasses.dataclass(frozen=True)
class _Query:
    """What found a passage."""

    query: str
    k: int
    where: str | None
    least: float | None


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
        replay: Replay,
        gateway: Gateway | None = None,
        retriever: Retriever | None = None,
        *,
        seed: int = 0,
        tell: Callable[[Event], None] = lambda event: None,
        told: int = 0,
        ladder: Sequence[Rung] = LADDER,
        second: Gateway | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.id = id
        self.conversation = list(conversation)
        self.text = _said(conversation)
        self.today = today
        self.state = state
        self._replay = replay
        self._retriever = retriever
        self._tell = tell
        self._told = told
        self.sure = True
        """Whether the gate is sure of the intent, or somebody was asked; if not, have an action confirmed first."""
        self._workflow: Workflow | None = None
        self._forms: dict[type[Contract], dict[str, object]] = {}
        self._known: list[Contract] = []
        self._calls: Counter[Workflow] = Counter()
        self._approved: set[tuple[str, str]] = set()
        self._queries: dict[str, _Query] = {}
        self._says = _Says()
        self._memory = memory
        self._before = Memory()
        self._elsewhere: Elsewhere | None = None
        self._generation = Generation(replay, gateway, today, self._holds, seed=seed, ladder=ladder, second=second)
        self._filling = _filling_of(self)

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
        self._workflow = workflow

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
        other._workflow = None
        other._before = functools.reduce(Memory.with_form, self._known, self._before)
        other._forms, other._known, other._calls, other._approved = {}, [], Counter(), set()
        other._queries = {}
        other._generation = self._generation.held_by(other._holds)
        other._filling = _filling_of(other)
        return other

    def listen(self, elsewhere: Elsewhere) -> None:
        """Let `elsewhere` tell of answers that change the subject. The pipeline calls it."""
        self._elsewhere = elsewhere

    def start_over(self) -> None:
        """Begin another pass with the forms as they were amended. The pipeline calls it."""
        self._known.clear()
        self._calls.clear()
        self._approved.clear()
        self._replay.start_over()

    # Asking a model

    async def collect(self, contract: type[C], *, guardrails: Sequence[Guardrail] = ()) -> C:
        """Fill a form from the conversation; ask one question about one field for whatever is missing or unreadable.

        A guardrail with a `field` becomes a question about that field; one without ends in GuardrailViolation.
        Raises Suspend while an answer is awaited, and Escalation after two useless answers about the same field.
        """
        form, values = await self._filling.collect(contract, self._forms.get(contract), guardrails)
        self._forms[contract] = values
        self._known.append(form)
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
        passages = list(evidence)
        quotes = any(isinstance(mark, QuoteMark) for info in contract.model_fields.values() for mark in info.metadata)
        if quotes and not passages:
            raise Escalation("human", f'No passage was found that could answer "{short(question)}".')
        if not self.decides:
            self._trust(contract)
            if passages:
                passages = [await self._nearest(question, passages)]
        again = self._queries.get(passages[0].id) if passages and self.decides else None

        async def wider() -> Task[C]:
            found = await self.retrieve(again.query, 2 * again.k, where=again.where, least=again.least) if again else []
            return self._asked(contract, question, found, guardrails)

        answer = await self._generation.produce(
            self._asked(contract, question, passages, guardrails),
            wider=wider if again else None,
            clarify=lambda name: self._clarify(next(rule for rule in guardrails if rule.name == name)),
        )
        self._known.append(answer)
        return answer

    def _asked(
        self, contract: type[C], question: str, passages: Sequence[Passage], guardrails: Sequence[Guardrail]
    ) -> Task[C]:
        texts, said = [passage.text for passage in passages], self._filling.interview.said()
        return Task(
            contract,
            contract,
            prompts.answer(contract, question, texts),
            lambda length: compile_grammar(contract, said, texts, length),
            guardrails,
            [passage.id for passage in passages],
        )

    async def _clarify(self, guardrail: Guardrail) -> None:
        """Ask for the field that a guardrail names, if a form that was collected has it, and start over."""
        if self._form_with(guardrail.field) is not None:
            await self._mend(guardrail, guardrail.field or "", guardrail.fields[1:])

    async def choose(self, question: str, options: Sequence[str] | Mapping[str, str]) -> str:
        """One of the options (names, or name to description): a model's choice if it is trusted, else a person's.

        A single option is returned without asking anybody. UsageError without options.
        """
        described = dict(options) if isinstance(options, Mapping) else {option: option for option in options}
        names = tuple(described)
        if not names:
            raise UsageError(f'There is nothing to choose from for "{short(question)}": pass at least one option.')
        if len(names) == 1:
            return names[0]
        if self.decides:
            return await self.pick(question, described)
        labels = tuple(described.values())
        answer = await self.ask(question, choices=labels)
        return names[labels.index(answer)]

    async def pick(self, question: str, options: Mapping[str, str]) -> str:
        """A model's choice among options, trusted or not; use `choose`."""
        contract = _choice(tuple(options))
        messages = prompts.choose(question, options, self.conversation)
        task = Task(contract, contract, messages, lambda _: compile_grammar(contract))
        chosen = await self._generation.produce(task)
        return str(chosen.model_dump()["choice"])

    async def weigh(self, question: str, options: Mapping[str, str]) -> dict[str, float]:
        """How likely a model finds each option (name to description), sum 1, whatever their order; for the gate.

        An engine that takes no grammars cannot be weighed: all goes to its choice.
        """
        if not self._generation.weighs:
            chosen = await self.pick(question, options)
            return {name: float(name == chosen) for name in sorted(options)}
        said = list(self.conversation)
        return await self._generation.weigh(options, lambda lettered: prompts.weigh(question, lettered, said))

    async def fuse(
        self, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]
    ) -> Written | None:
        """As `weigh`, with the form of the option that the model chose from the same call; for the gate.

        `forms`: option to the form that its workflow collects first. None if that cannot be done in one: without forms,
        with an engine that cannot be weighed, or where earlier turns count for the choice but not for the form.
        """
        if not forms or not self._generation.weighs or any(turn.earlier for turn in self.conversation):
            return None
        return await self._filling.fuse(question, options, forms)

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
        retriever = self._retriever
        if retriever is None:
            raise UsageError("This app has no knowledge to search: give its App a `knowledge` folder.")

        async def search(note: Note) -> list[Passage]:
            hits = await asyncio.to_thread(retriever.search, query, k, where=where, least=least)
            note.detail |= {"index": retriever.index.version, "passages": [hit.passage.id for hit in hits], **limits}
            if hits.nothing:
                note.detail["nothing"] = str(hits.nothing)
            return [hit.passage for hit in hits]

        limits: dict[str, object] = {"where": where, "least": least}
        limits = {name: value for name, value in limits.items() if value is not None}
        arguments = [query, k, *([limits] if limits else [])]
        passages: list[Passage] = await self._replay.step("retrieve", arguments, search, _PASSAGES)
        self._queries |= {passage.id: _Query(query, k, where, least) for passage in passages}
        return passages

    def in_context(self, query: str) -> str:
        """A query with the words of collected forms before it that it does not hold: "Is there parking?" alone finds
        another hotel's. Names and choices are such words; numbers, days and private fields are not.
        """
        said = [
            str(getattr(value, "value", value))
            for form in self._known
            if type(form) in self._forms
            for name, value in form
            if name not in type(form).private_fields() and isinstance(value, str | Enum)
        ]
        return " ".join([*(text for text in dict.fromkeys(said) if text.lower() not in query.lower()), query])

    # Asking a person

    async def ask(self, question: str, *, field: str | None = None, choices: Sequence[str] | None = None) -> str:
        """A person's answer; with `choices`, exactly one of them.

        Raises Suspend until it is answered, and Escalation when two answers in a row name none of the choices.
        """
        asked = Question(field, question, None if choices is None else tuple(choices))
        return await self._filling.interview.answer(asked)

    async def confirm(self, question: str) -> bool:
        """A person's yes or no. Raises as `ask`."""
        return await self._yes_or_no(question)

    async def approve(self, action: Action[..., Any], *args: Any, question: str) -> bool:
        """A person's yes or no to an action with exactly these arguments; `do` with others needs a new one.

        Raises as `ask`.
        """
        marked = digest(list(args), self.state)
        approved = await self._yes_or_no(question, about=(action.name, marked))
        if approved:
            self._approved.add((action.name, marked))
        return approved

    async def require(self, guardrail: Guardrail, *args: object, field: str | None = None) -> None:
        """Go on only if a guardrail holds for `args` (and forms collected before, by field name or type).

        Violated, its docstring is put as a question about `field` (default: the guardrail's own) to the customer, and
        after the answer the workflow starts over with the changed form. Without a field: GuardrailViolation.
        """

        async def check(note: Note) -> str | None:
            return None if await self._holds(guardrail, args) else guardrail.name

        violated = await self._replay.step(f"require {guardrail.name}", list(args), check, _NAME)
        if violated is None:
            return
        fields = guardrail.fields if field is None else (field,)
        field = next(iter(fields), None)
        if field is None:
            raise GuardrailViolation(guardrail.name, guardrail.message)
        if self._form_with(field) is None:
            raise UsageError(
                f"The guardrail '{guardrail.name}' is to be mended by '{field}', which no collected form has: collect"
                " it first."
            )
        await self._mend(guardrail, field, fields[1:])

    def _form_with(self, field: str | None) -> type[Contract] | None:
        """The form collected last that has a field."""
        return next((form for form in reversed(self._forms) if field in form.model_fields), None)

    async def _mend(self, guardrail: Guardrail, field: str, also: Sequence[str]) -> NoReturn:
        contract = self._form_with(field)
        assert contract is not None
        question = clarify.question(contract, field, guardrail.message, also)
        self._forms[contract] = await self._filling.mend(contract, self._forms[contract], question, also, rule=True)
        raise Amended

    async def _yes_or_no(self, question: str, about: Sequence[object] = ()) -> bool:
        asked = Question(None, question, ("yes", "no"))
        return await self._filling.interview.ask(
            asked, lambda answer: read(bool, answer, self.today), about=about, amend=self._amend
        )

    async def _amend(self, remark: str) -> None:
        """Start over if a remark changes a form that was collected ("yes, but make it Saturday")."""
        for contract in reversed(self._forms):
            changed = await self._filling.changed(contract, self._forms[contract], remark)
            if changed is not None:
                self._forms[contract] = changed
                raise Amended

    # Doing

    async def do(self, action: Action[P, R], *args: Any) -> R:
        """Do an action once, whatever crashes. ActionNotUnlocked if the intent does not list it.

        NotApproved if it needs an approval that these arguments do not have. Raises Refused if it did nothing,
        StepFailed if it failed without effect, and Escalation when nobody can know.
        """
        if self._workflow is None or not self._workflow.unlocks(action):
            raise ActionNotUnlocked(action.name, self._workflow.intent if self._workflow else "none")
        marked = digest(list(args), self.state)
        approval = marked if (action.name, marked) in self._approved else None
        if action.approval and approval is None:
            raise NotApproved(action.name)
        result: R = await self._replay.do(action, args, self._workflow.intent, approval)
        return result

    async def call(self, other: Workflow, *args: Any) -> Any:
        """Call another workflow as one step, with the same conversation and `args` after its Run; what it returns.

        It unlocks its own actions and no others, and begins with no form filled. ActionNotUnlocked if the calling
        workflow does not list it; Escalation if it was called as often as it may, or hands over to a person itself.
        """
        caller = self._workflow
        if caller is None or other not in caller.calls:
            raise ActionNotUnlocked(other.__name__, caller.intent if caller else "none", "calls")
        if self._calls[other] >= caller.calls[other]:
            raise Escalation(
                "human", f"'{other.__name__}' was called {self._calls[other]} times without coming to an end."
            )
        self._calls[other] += 1
        inner = copy.copy(self)
        inner._forms, inner._known, inner._calls, inner._approved = {}, [], Counter(), set()
        inner._generation = self._generation.held_by(inner._holds)
        inner._filling = _filling_of(inner)
        inner.unlock(other)

        turns, says = len(self.conversation), self._says.spoken

        async def body(note: Note, start_over: Callable[[], None]) -> object:
            for _ in range(PASSES):
                try:
                    ending = await other.body(inner, *args)
                except Amended:
                    inner._known.clear()
                    start_over()
                    continue
                if isinstance(ending, Escalation):
                    raise ending
                asked = [[turn.role, turn.text] for turn in self.conversation[turns:]]
                note.detail |= {"turns": asked, "says": self._says.spoken - says}
                return ending
            raise Escalation("human", f"The request was changed {PASSES} times without coming to an end.")

        ending, note = await self._replay.nest(f"call {other.__name__}", list(args), body, other.adapter)
        if len(self.conversation) == turns:  # from the journal: what was asked and told in it belongs to us as well
            self.conversation += [Turn(role, text) for role, text in note.detail["turns"]]
            self._says.spoken = max(self._says.spoken, says + note.detail["says"])
        return ending

    async def step(self, function: Step[P, R] | Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an async function once and keep its result. StepFailed if it raises."""
        step = function if isinstance(function, Step) else _step(function)
        if isinstance(step, Action):
            raise UsageError(f"'{step.name}' is an action: call it with run.do, which makes sure that it happens once.")

        async def execute(note: Note) -> R:
            return await step.function(*args, **kwargs)

        arguments: list[object] = [*args, kwargs] if kwargs else list(args)
        result: R = await self._replay.step(step.name, arguments, execute, step.adapter)
        return result

    def say(self, text: str) -> None:
        """Tell whoever waits what happens now ("Searching flights…"). Told once, also when the run is resumed."""
        self._says.spoken += 1
        if self._says.spoken > self._told:
            self._tell(Said(self.id, text))

    # How

    async def _holds(self, guardrail: Guardrail, given: Sequence[object]) -> bool:
        named = {"today": self.today, "text": self.text, "state": self.state}
        return await guardrail.holds(given, named, self._known[::-1])

    async def _nearest(self, question: str, passages: Sequence[Passage]) -> Passage:
        """The sentence nearest to a question, as a passage of its own that keeps its passage's id."""
        retriever = self._retriever
        if retriever is None:
            raise UsageError("This app has no knowledge to search: give its App a `knowledge` folder.")

        async def narrow(note: Note) -> tuple[Passage, str, float] | None:
            try:
                return await asyncio.to_thread(retriever.best_sentence, question, passages)
            except ValueError:
                return None

        best: tuple[Passage, str, float] | None = await self._replay.step(
            "narrow", [question, [p.id for p in passages]], narrow, _SENTENCE
        )
        if best is None or best[2] < RELEVANT:
            raise Escalation("human", f'No passage was found that could answer "{short(question)}".')
        passage, sentence, _ = best
        return dataclasses.replace(passage, text=sentence)

    def _trust(self, contract: type[Contract]) -> None:
        for name, info in contract.model_fields.items():
            quoted = any(isinstance(mark, QuoteMark) for mark in info.metadata)
            if not quoted and clarify.needs_judgement(contract, name):
                raise Escalation("human", f"This model is not trusted to decide '{name}' of {contract.__name__}.")


def _said(conversation: Sequence[Turn]) -> str:
    """What the customer said about this request."""
    return "\n".join(turn.text for turn in conversation if turn.role == "customer" and not turn.earlier)


def _filling_of(run: Run) -> Filling:
    """The forms and the interview of a run: of a record, of a workflow that it calls, or of one of its parts."""

    async def elsewhere(answer: str) -> bool:
        return run._elsewhere is not None and await run._elsewhere(answer)

    interview = Interview(run.conversation, run._replay, elsewhere)
    return Filling(interview, run.today, run._replay, run._generation, run._holds, run._memory, run._before)


@lru_cache(maxsize=256)
def _choice(names: tuple[str, ...]) -> type[Contract]:
    field: Any = (Literal[names], ...)
    return create_model("Choice", __base__=Contract, choice=field)


_STEPS: dict[object, Any] = {}


def _step(function: Callable[P, Awaitable[R]]) -> Step[P, R]:
    """A bare async function as a step; remembered, because its result's adapter is costly to build."""
    known: Step[P, R] | None = _STEPS.get(function)
    if known is None:
        known = _STEPS[function] = Step(function)
    return known
