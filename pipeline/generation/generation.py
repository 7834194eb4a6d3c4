"""Generation: asks a model for a value of a contract, as one step per try, and lets only a valid one pass.

Knows how a text is drawn under its grammar, checked against contract and guardrails, and noted for the receipt; leaves
the order of rescue attempts to recovery.py, an absent engine to engine_client.py, and what is asked to its caller.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.engines.answers import Answers
from models.engines.engine import Sampling
from models.engines.preferences import Preferred
from models.engines.weighing import Prompt
from models.errors import PromptedFailure, PromptTooLong
from models.grammar.grammar import Grammar
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.generation import choice
from pipeline.generation.choice import CHOICE
from pipeline.generation.decoding import decoding, full
from pipeline.generation.drawing import answered, compiled_aside, draw_text, preferred, said_apart, unread_fields
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.fusing import Wanted, Written
from pipeline.generation.recovery import LADDER, MOST_PER_RECORD, UNFIT, Attempt, Means, Rung, Try, climb
from pipeline.generation.task import Task, Told
from pipeline.generation.whole_words import whole_words
from pipeline.guardrail import Guardrail
from pipeline.journal.rows import StepRow
from pipeline.prompts.layout import Layout
from pipeline.prompts.prompts import Prompts

C = TypeVar("C", bound=Contract)
Holds = Callable[[Guardrail, Sequence[object]], Awaitable[bool]]
"""Whether a guardrail holds for values, by what the run knows beside them."""

_MODEL = "model "

SHORTER = (20, 0)
"""Characters of a scratchpad, tried in this order, where the prompt leaves no room for the one that was declared."""

_ATTEMPT: TypeAdapter[Attempt] = TypeAdapter(Attempt)


class Generation:
    """The model's side of one record. Without a client every generation is a UsageError.

    `second`: the way to another model, for the rung of the ladder that asks it. `tries`: one name of a contract for
    each time that a model was asked.
    """

    def __init__(
        self,
        execution: Execution,
        client: EngineClient | None,
        today: date,
        holds: Holds,
        tries: History[str],
        *,
        seed: int = 0,
        earlier_seeds: Sequence[int] = (),
        ladder: Sequence[Rung] = LADDER,
        second: EngineClient | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        self._execution = execution
        self._client = client
        self._second = second
        self.prompts = prompts or Prompts()
        self._today = today
        self._holds = holds
        self._seed = seed
        self._earlier_seeds = tuple(earlier_seeds)
        self._ladder = tuple(ladder)
        self._tries = tries

    @property
    def decides(self) -> bool:
        """Whether the model may fill what needs judgement, and weigh evidence; one that does not only copies."""
        return self._client is not None and self._client.profile.decides

    @property
    def chooses(self) -> bool:
        """Whether the model may choose among options, at the gate and for a workflow."""
        return self._client is not None and self._client.trusted

    @property
    def quotes(self) -> bool:
        """Whether the model finds the sentence that answers a question better than the encoder does."""
        return self.decides and self._opened().profile.quotes

    @property
    def asks_first(self) -> bool:
        """Whether the model is asked what was said before it fills a form."""
        return self._client is not None and self._client.profile.sure > 0

    @property
    def fills_apart(self) -> bool:
        """Whether a form takes the model more than one call, so that it is not written with a choice."""
        return self.asks_first or (self._client is not None and self._client.profile.calibrates)

    def layout(self, told: Told = Told(), second: bool = False) -> Layout:
        """How the model, or the second one, is addressed in a call. UsageError without one.

        That somebody's own words do not reach a model which is too simple for them is told, once.
        """
        client = self._opened(second)
        prompts = self.prompts.told(told.instructions)
        layout = prompts.laid_out(client.profile)
        if layout.name == "copier" and (told.examples or prompts.own):
            client.notice(
                f"{client.engine.name} is addressed as a model that only copies: instructions, examples and templates"
                " do not reach it."
            )
        return layout

    def _opened(self, second: bool = False) -> EngineClient:
        client = self._second if second else self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        return client

    async def produce(
        self,
        task: Task[C],
        *,
        wider: Callable[[], Awaitable[Task[C]]] | None = None,
        clarify: Callable[[str], Awaitable[None]] | None = None,
        told: Told = Told(),
    ) -> C:
        """A value from the model, recovered if need be.

        `told`: what it hears besides; the examples are in the task's prompt already. `wider` gives the task
        with more evidence; `clarify` asks the customer about a violated guardrail.
        Raises Escalation at the ladder's top, PromptTooLong if not even an empty scratchpad leaves room.
        """
        client = self._opened()
        layout = self.layout(told)
        known = dict[str, C]()

        async def forced() -> bool:
            return (await compiled_aside(task.grammar, None, client.profile, first.messages)).constant is not None

        def read(text: str) -> C:  # the one that is returned was read before, unless it came from the journal
            value = known.get(text)
            if value is None:
                value = known[text] = task.kind.model_validate_json(text, context={"today": self._today})
            return value

        widened: Task[C] | None = None

        async def attempt(asked: Try) -> Attempt:
            nonlocal widened
            self._tries.add(task.contract.__name__)
            if asked.wider and wider is not None:
                widened = await wider()
            present = widened if asked.wider and widened is not None else task
            if not asked.messages:
                asked = dataclasses.replace(asked, messages=tuple(present.prompt(layout)))
            way = client
            if asked.second and self._second is not None:
                way = self._second
                asked = dataclasses.replace(asked, messages=tuple(task.prompt(self.layout(told, second=True))))

            async def execute(note: Note) -> Attempt:
                return await self._attempt(way, present, asked, layout, note, read)

            def arguments(sampling: Sampling) -> list[object]:
                return [_hash(task.contract), asked.messages, sampling, asked.rung]

            drawn = asked.sampling.seed - self._seed  # by the same rule as when the record was served before
            samplings = [dataclasses.replace(asked.sampling, seed=seed + drawn) for seed in self._earlier_seeds]
            name = f"{_MODEL}{task.contract.__name__}"
            result: Attempt = await self._execution.step(
                name, arguments(asked.sampling), execute, _ATTEMPT, [*map(arguments, samplings)]
            )
            return result

        means = Means(
            retrieves=wider is not None,
            prompts=self.decides and client.engine.enforcement == "grammar",
            second=self._second is not None,
            repair=layout.repair,
            clarify=clarify,
            left=MOST_PER_RECORD - len(self._tries),
            forced=forced,
        )
        first = Try(tuple(task.prompt(layout)), Sampling(seed=self._seed))
        result = await climb(first, attempt, self._ladder, means)
        return read(result.text)

    @property
    def weighs(self) -> bool:
        """Whether the engine can say how likely it finds each of some options."""
        return self._client is not None and self._client.engine.enforcement == "grammar"

    async def weigh(self, options: Mapping[str, str], prompt: Prompt) -> dict[str, float]:
        """How likely the model finds each option (name to description), as one step; `prompt` offers them by letter.

        One option costs no call. UsageError without a model.
        """
        return await choice.weigh(self._execution, self._opened(), options, prompt)

    async def fuse(self, wanted: Wanted, prompt: Prompt) -> Written:
        """How likely the model finds each option, and the form of the one that it chose, as one step and one call.

        `prompt`: as for `weigh`, whose answer it is where both cannot be had in one. UsageError without a model.
        """
        client = self._opened()
        lengths = _lengths(client, any(form.private_fields() for form in wanted.forms.values()))
        sampling = Sampling(seed=self._seed)
        return await choice.fuse(self._execution, client, wanted, prompt, sampling, lengths, self._today)

    async def _attempt(
        self, client: EngineClient, task: Task[C], asked: Try, layout: Layout, note: Note, read: Callable[[str], C]
    ) -> Attempt:
        engine = client.engine
        note.attempt = asked.number
        note.detail = {
            "contract": task.contract.__name__,
            "hash": _hash(task.contract),
            "evidence": list(task.evidence),
            "rung": asked.rung,
            "messages": [dict(vars(message)) for message in asked.messages],
            "sampling": dict(vars(asked.sampling)),
        }
        if after := task.contract.checked_after():
            note.detail["checked"] = list(after)
        try:
            unsaid, copies, calls = await said_apart(client, task, asked)
            likeliest = await preferred(client, task, asked, layout)
            sure = await answered(client, task, asked)
        except PromptTooLong:  # there is less room for the form itself, and what becomes of that is told below
            unsaid, copies, calls, likeliest, sure = {}, {}, (), Preferred({}), Answers({}, {})
        narrows = calls or likeliest.texts or sure.values
        left = {**copies, **likeliest.texts, **{field: (value,) for field, value in sure.values.items()}}
        compile = cache(task.told_apart(unsaid.keys(), left)) if narrows and task.told_apart else task.grammar
        calls = (*calls, *likeliest.calls, *sure.calls)
        if unsaid or sure.doubted:
            note.detail["unsaid"] = unsaid | {field: round(share, 4) for field, share in sure.doubted.items()}
        note.prompt_tokens = sum(call.usage.prompt_tokens for call in calls)
        note.completion_tokens = sum(call.usage.completion_tokens for call in calls)
        weighing = max((call.seconds for call in calls), default=0.0)

        async def compiled(length: int | None) -> Grammar:
            return await compiled_aside(compile, length, client.profile, asked.messages)

        lengths = _lengths(client, bool(task.kind.private_fields()))
        constant = (await compiled(lengths[0])).constant
        if constant is not None:
            note.detail |= {"finish_reason": "forced", "engine_seconds": weighing}
            return await self._checked(task, read, constant, "forced")
        try:
            completion, length = await draw_text(client, asked, compiled, lengths)
        except PromptedFailure as error:
            note.detail |= {"finish_reason": "refused", "enforcement": "prompted", "engine_seconds": 0.0}
            return Attempt("", "refused", error.what, "unreadable")
        except PromptTooLong as error:
            if asked.rung is None:
                raise
            note.detail |= {"finish_reason": UNFIT, "engine_seconds": 0.0}
            return Attempt("", UNFIT, error.what)
        note.prompt_tokens += completion.usage.prompt_tokens
        note.completion_tokens += completion.usage.completion_tokens
        note.detail |= {
            "finish_reason": completion.finish_reason,
            "enforcement": completion.enforcement,
            "engine_seconds": weighing + completion.seconds,
            "thinking": completion.thinking,
            **decoding([completion]),
        }
        if asked.second:
            note.detail["model"] = engine.name
        if length != lengths[0]:
            note.detail["scratchpad"] = length
        if completion.closed:
            note.detail["closed"] = completion.closed
        text = completion.text
        with suppress(ValidationError):  # which says more below
            value = read(text)
            if ended := full(value):
                note.detail["full"] = ended
            if task.copied and narrows and (unread := unread_fields(task, value)):
                note.detail["unread"] = unread
            shorter, taken = whole_words(value, text, completion.closed)
            if taken and read(shorter):
                text, note.detail["taken"] = shorter, taken
        return await self._checked(task, read, text, completion.finish_reason)

    async def _checked(self, task: Task[C], read: Callable[[str], C], text: str, finish_reason: str) -> Attempt:
        """The attempt that a text makes: with the rule it breaks, in words that a model can use, if it breaks one."""
        try:
            value = read(text)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3])
            return Attempt(text, finish_reason, f"{told}.", "invalid")
        for rule in task.guardrails:
            if not await self._holds(rule, [value]):
                return Attempt(text, finish_reason, rule.message, "guardrail", rule.name)
        return Attempt(text, finish_reason)


def tries_in(steps: Sequence[StepRow]) -> list[str]:
    """The names of contracts that a model was asked for in some steps."""
    return [step.name.removeprefix(_MODEL) for step in steps if step.name.startswith(_MODEL) and step.name != CHOICE]


def _lengths(client: EngineClient, scratches: bool) -> list[int | None]:
    """How long a scratchpad may be, if there is one, at each try to make room; None: as it is declared."""
    if not scratches:
        return [None]
    # A model that thinks before it answers needs none inside its answer.
    return [0] if client.profile.thinks else [None, *SHORTER]


@cache
def _hash(contract: type[Contract]) -> str:
    return contract.contract_hash()
