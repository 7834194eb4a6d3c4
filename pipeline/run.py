"""Run: what a workflow holds in its hand. Every method that waits is a step of the journal.

Knows how a value is asked from a model or from a person and checked; leaves durability to replay.py, the order of
rescue attempts to recovery.py, and the wording of prompts to prompts.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from pydantic import TypeAdapter, ValidationError, create_model

from index.documents import Passage
from models.contract import Contract
from models.engine import Message, Sampling
from models.grammar import Grammar, compile_grammar, normalise
from models.reading import read
from models.said import QuoteMark, Unread
from pipeline import clarify, prompts
from pipeline.conversation import Turn
from pipeline.errors import ActionNotUnlocked, GuardrailViolation, UsageError
from pipeline.events import Event, Said
from pipeline.gateway import Gateway
from pipeline.guardrails import Guardrail
from pipeline.outcome import Escalation, Question
from pipeline.recovery import HOPELESS, LADDER, Attempt, Rung, Try, climb
from pipeline.replay import Note, Replay
from pipeline.workflow import Action, Step, Workflow

if TYPE_CHECKING:
    from index.retriever import Retriever

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Contract)
T = TypeVar("T")

_ATTEMPT: TypeAdapter[Attempt] = TypeAdapter(Attempt)
_PASSAGES: TypeAdapter[list[Passage]] = TypeAdapter(list[Passage])
_SENTENCE: TypeAdapter[tuple[Passage, str, float] | None] = TypeAdapter(tuple[Passage, str, float] | None)
_NAME: TypeAdapter[str | None] = TypeAdapter(str | None)


RELEVANT = 0.40
"""Least similarity (cosine) of a sentence to a question that it may answer, where the encoder alone decides.

Settled on the travel app's policy examples, of which 89 % find such a sentence (most of the others have no answer in
its documents), and on 250 utterances of CLINC150 about other matters, of which 92 % find none.
"""


class Amended(BaseException):
    """A person changed a field after it was used: the workflow starts over with what is known now. Internal."""


class Run:
    """One record on its way through one workflow.

    `text` is what the customer said first, `conversation` all turns so far with questions and answers, `today` the
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
    ) -> None:
        self.id = id
        self.conversation = list(conversation)
        self.text = "\n".join(turn.text for turn in conversation if turn.role == "customer")
        self.today = today
        self.state = state
        self._replay = replay
        self._gateway = gateway
        self._retriever = retriever
        self._seed = seed
        self._tell = tell
        self._told = told
        self._ladder = tuple(ladder)
        self._workflow: Workflow | None = None
        self._forms: dict[type[Contract], dict[str, object]] = {}
        self._known: list[Contract] = []
        self._asked: Counter[str] = Counter()
        self._says = 0

    @property
    def decides(self) -> bool:
        """Whether the model is trusted to weigh evidence and to choose."""
        return self._gateway is not None and self._gateway.engine.profile.decides

    def unlock(self, workflow: Workflow) -> None:
        """Allow the workflow's actions, and only those. The pipeline calls it after the gate."""
        self._workflow = workflow

    def start_over(self) -> None:
        """Begin another pass with the forms as they were amended. The pipeline calls it."""
        self._known.clear()
        self._replay.start_over()

    # Asking a model

    async def collect(self, contract: type[C], *, guardrails: Sequence[Guardrail] = ()) -> C:
        """Fill a form from the conversation; ask one question about one field for whatever is missing or unreadable.

        A guardrail with a `field` becomes a question about that field; one without ends in GuardrailViolation.
        Raises Suspend while an answer is awaited, and Escalation after two useless answers about the same field.
        """
        values = self._forms.get(contract)
        if values is None:
            values = await self._fill(contract, self._said())
        while True:
            question = clarify.gap(contract, values)
            if question is None:
                form, question = await self._check(contract, values, guardrails)
                if form is not None:
                    self._forms[contract] = values
                    self._known.append(form)
                    return form
            if question is not None:
                values = await self._mend(contract, values, question)

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
            raise Escalation("human", f'No passage was found that could answer "{_short(question)}".')
        if not self.decides:
            self._trust(contract)
            if passages:
                passages = [await self._nearest(question, passages)]
        texts = [passage.text for passage in passages]
        grammar = compile_grammar(contract, said=self._said(), evidence=texts)
        answer = await self._produce(
            contract,
            contract,
            prompts.answer(contract, question, texts),
            grammar,
            guardrails,
            [passage.id for passage in passages],
        )
        self._known.append(answer)
        return answer

    async def choose(self, question: str, options: Sequence[str] | Mapping[str, str]) -> str:
        """One of the options (names, or name to description): a model's choice if it is trusted, else a person's.

        A single option is returned without asking anybody. UsageError without options.
        """
        described = dict(options) if isinstance(options, Mapping) else {option: option for option in options}
        names = tuple(described)
        if not names:
            raise UsageError(f'There is nothing to choose from for "{_short(question)}": pass at least one option.')
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
        chosen = await self._produce(contract, contract, messages, compile_grammar(contract), (), [])
        return str(chosen.model_dump()["choice"])

    async def retrieve(self, query: str, k: int = 4) -> list[Passage]:
        """The at most k passages that fit a query best. UsageError if the app has no knowledge."""
        retriever = self._retriever
        if retriever is None:
            raise UsageError("This app has no knowledge to search: give its App a `knowledge` folder.")

        async def search(note: Note) -> list[Passage]:
            hits = await asyncio.to_thread(retriever.search, query, k)
            return [hit.passage for hit in hits]

        passages: list[Passage] = await self._replay.step("retrieve", [query, k], search, _PASSAGES)
        return passages

    # Asking a person

    async def ask(self, question: str, *, field: str | None = None, choices: Sequence[str] | None = None) -> str:
        """A person's answer; with `choices`, exactly one of them.

        Raises Suspend until it is answered, and Escalation when two answers in a row name none of the choices.
        """
        offered = None if choices is None else tuple(choices)
        return await self._ask(
            Question(field, question, offered),
            lambda answer: answer if offered is None else clarify.match(answer, offered),
        )

    async def confirm(self, question: str) -> bool:
        """A person's yes or no. Raises as `ask`."""
        asked = Question(None, question, ("yes", "no"))
        return await self._ask(asked, lambda answer: read(bool, answer, self.today))

    async def require(self, guardrail: Guardrail, *args: object, field: str | None = None) -> None:
        """Go on only if a guardrail holds for `args` (and forms collected before, by field name or type).

        Violated, its docstring is put as a question about `field` (default: the guardrail's own) to the customer, and
        after the answer the workflow starts over with the changed form. Without a field: GuardrailViolation.
        """

        async def check(note: Note) -> str | None:
            return None if await guardrail.holds(args, self._named(), self._known[::-1]) else guardrail.name

        violated = await self._replay.step(f"require {guardrail.name}", list(args), check, _NAME)
        if violated is None:
            return
        field = field or guardrail.field
        if field is None:
            raise GuardrailViolation(guardrail.name, guardrail.message)
        contract = next((form for form in reversed(self._forms) if field in form.model_fields), None)
        if contract is None:
            raise UsageError(
                f"The guardrail '{guardrail.name}' is to be mended by '{field}', which no collected form has: collect"
                " it first."
            )
        question = clarify.question(contract, field, guardrail.message)
        self._forms[contract] = await self._mend(contract, self._forms[contract], question)
        raise Amended

    # Doing

    async def do(self, action: Action[P, R], *args: Any) -> R:
        """Do an action once, whatever crashes. ActionNotUnlocked if the intent does not list it.

        Raises Refused if it did nothing, StepFailed if it failed without effect, and Escalation when nobody can know.
        """
        if self._workflow is None or not self._workflow.unlocks(action):
            raise ActionNotUnlocked(action.name, self._workflow.intent if self._workflow else "none")
        result: R = await self._replay.do(action, args)
        return result

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
        self._says += 1
        if self._says > self._told:
            self._tell(Said(self.id, text))

    # How

    def _said(self) -> list[str]:
        return [normalise(turn.text) for turn in self.conversation if turn.role == "customer"]

    def _named(self) -> dict[str, object]:
        return {"today": self.today, "text": self.text, "state": self.state}

    async def _fill(self, contract: type[Contract], said: Sequence[str]) -> dict[str, object]:
        """What a model copied from `said`, by field; None for what it did not find."""
        draft = clarify.narrowed(contract, self.decides)
        if not set(draft.model_fields) - set(contract.private_fields()):
            return {}
        grammar = compile_grammar(draft, said=said)
        filled = await self._produce(draft, contract, prompts.fill(draft, self.conversation), grammar, (), [])
        return {name: getattr(filled, name) for name in draft.model_fields}

    async def _check(
        self, contract: type[C], values: Mapping[str, object], guardrails: Sequence[Guardrail]
    ) -> tuple[C, None] | tuple[None, Question]:
        """The form, or the question about what is wrong with it."""
        given = {name: value for name, value in values.items() if value is not None}
        given |= {name: "" for name in contract.private_fields() if name not in given}
        try:
            form = contract.model_validate(given, context={"today": self.today})
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"] or first["loc"][0] not in contract.model_fields:
                raise Escalation("human", f"What was said does not fit together: {first['msg']}.") from error
            return None, clarify.question(contract, str(first["loc"][0]), f"{first['msg']}.")
        if not guardrails:
            return form, None

        async def check(note: Note) -> str | None:
            for rule in guardrails:
                if not await rule.holds([form], self._named(), self._known[::-1]):
                    return rule.name
            return None

        arguments = [form, [rule.name for rule in guardrails]]
        violated = await self._replay.step(f"check {contract.__name__}", arguments, check, _NAME)
        if violated is None:
            return form, None
        rule = next(rule for rule in guardrails if rule.name == violated)
        if rule.field is None:
            raise GuardrailViolation(rule.name, rule.message)
        return None, clarify.question(contract, rule.field, rule.message)

    async def _mend(
        self, contract: type[Contract], values: Mapping[str, object], question: Question
    ) -> dict[str, object]:
        """The form's values after a person answered a question about one field."""
        field = question.field or ""
        if self._asked[field] >= clarify.ASK_LIMIT:
            raise Escalation(
                "human", f"The customer was asked {clarify.ASK_LIMIT} times for '{field}' without a usable answer."
            )
        self._asked[field] += 1
        answer = await self.ask(question.text, field=field, choices=question.choices)
        mended = {**values, field: clarify.read_answer(contract, field, answer, self.today)}
        if mended[field] is None or clarify.gap(contract, mended) is not None:
            # What was said before has been read before: only the answer may be copied from now.
            for name, value in (await self._fill(contract, [normalise(answer)])).items():
                if mended.get(name) is None or isinstance(mended[name], Unread) or name in contract.private_fields():
                    mended[name] = value if value is not None else mended.get(name)
        if mended[field] is None and (kind := clarify.said_kind(contract, field)) is not None:
            mended[field] = read(str, answer[:64], self.today) if kind is str else Unread(_short(answer))
        return mended

    async def _ask(self, question: Question, understand: Callable[[str], T | None]) -> T:
        asked = question
        for _ in range(clarify.ASK_LIMIT):
            answer = normalise(await self._replay.ask(asked))
            self.conversation += [Turn("assistant", asked.text), Turn("customer", answer)]
            meaning = understand(answer)
            if meaning is not None:
                return meaning
            asked = dataclasses.replace(question, text=f'I did not understand "{_short(answer)}". {question.text}')
        raise Escalation(
            "human", f'"{_short(question.text)}" was asked {clarify.ASK_LIMIT} times without a usable answer.'
        )

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
            raise Escalation("human", f'No passage was found that could answer "{_short(question)}".')
        passage, sentence, _ = best
        return dataclasses.replace(passage, text=sentence)

    def _trust(self, contract: type[Contract]) -> None:
        for name, info in contract.model_fields.items():
            quoted = any(isinstance(mark, QuoteMark) for mark in info.metadata)
            if not quoted and clarify.needs_judgement(contract, name):
                raise Escalation("human", f"This model is not trusted to decide '{name}' of {contract.__name__}.")

    async def _produce(
        self,
        kind: type[C],
        contract: type[Contract],
        messages: Sequence[Message],
        grammar: Grammar,
        guardrails: Sequence[Guardrail],
        evidence: Sequence[str],
    ) -> C:
        """A value of `kind` from the model, recovered if need be. `contract` is whose hash goes into the receipt."""
        gateway = self._gateway
        if gateway is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        hashed = _hash(contract)

        async def attempt(asked: Try) -> Attempt:
            async def execute(note: Note) -> Attempt:
                note.attempt = asked.number
                note.detail = {
                    "contract": contract.__name__,
                    "hash": hashed,
                    "evidence": list(evidence),
                    "rung": asked.rung,
                    "messages": [dataclasses.asdict(message) for message in asked.messages],
                    "sampling": dataclasses.asdict(asked.sampling),
                }
                if grammar.constant is not None:
                    note.detail |= {"finish_reason": "forced", "engine_seconds": 0.0}
                    text, reason = grammar.constant, "forced"
                else:
                    completion = await gateway.generate(asked.messages, grammar, asked.sampling)
                    note.prompt_tokens = completion.usage.prompt_tokens
                    note.completion_tokens = completion.usage.completion_tokens
                    text, reason = completion.text, completion.finish_reason
                    note.detail |= {"finish_reason": reason, "engine_seconds": completion.seconds}
                return Attempt(text, reason, await self._broken(kind, text, guardrails))

            arguments = [hashed, asked.messages, asked.sampling, asked.rung]
            result: Attempt = await self._replay.step(f"model {contract.__name__}", arguments, execute, _ATTEMPT)
            return result

        first = Try(tuple(messages), Sampling(seed=self._seed))
        result = await climb(first, attempt, self._ladder if grammar.constant is None else HOPELESS)
        return kind.model_validate_json(result.text, context={"today": self.today})

    async def _broken(self, kind: type[Contract], text: str, guardrails: Sequence[Guardrail]) -> str | None:
        """Which rule a text breaks, in words that a model can use; None if it may pass."""
        try:
            value = kind.model_validate_json(text, context={"today": self.today})
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3]) + "."
        for rule in guardrails:
            if not await rule.holds([value], self._named(), self._known[::-1]):
                return rule.message
        return None


@cache
def _hash(contract: type[Contract]) -> str:
    return contract.contract_hash()


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


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
