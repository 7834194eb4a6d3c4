"""Generation: asks a model for a value of a contract, as one step per try, and lets only a valid one pass.

Knows how a text is drawn under its grammar, checked against contract and guardrails, and noted for the receipt; leaves
the order of rescue attempts to recovery.py, an absent engine to engine_client.py, and what is asked to its caller.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.engines.claims import told_apart
from models.engines.engine import Completion, Message, Sampling, closes
from models.engines.mentions import mentions
from models.engines.profiles import Profile
from models.engines.weighing import Prompt, weigh
from models.errors import BudgetTooSmall, ConstraintBroken, PromptedFailure, PromptTooLong
from models.grammar.grammar import Grammar
from models.offload import offload
from models.said import Unread
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.generation.decoding import decoding, full
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.fusing import Wanted, Written, fused
from pipeline.generation.recovery import LADDER, MOST_PER_RECORD, UNFIT, Attempt, Means, Rung, Try, climb
from pipeline.generation.whole_words import whole_words
from pipeline.guardrail import Guardrail
from pipeline.journal.rows import StepRow
from pipeline.prompts.example import Example
from pipeline.prompts.layout import Layout
from pipeline.prompts.prompts import Prompts

C = TypeVar("C", bound=Contract)
Holds = Callable[[Guardrail, Sequence[object]], Awaitable[bool]]
"""Whether a guardrail holds for values, by what the run knows beside them."""

Compile = Callable[[int | None, bool], Grammar]
"""The grammar of a contract whose scratchpads have at most so many characters (None: as many as they declare), and
whether its JSON is spaced, as the model's profile says."""

_MODEL = "model "
CHOICE = f"{_MODEL}choice"
"""Name of the step in which a model weighs options, alone or with a form."""

SHORTER = (20, 0)
"""Characters of a scratchpad, tried in this order, where the prompt leaves no room for the one that was declared."""

_ATTEMPT: TypeAdapter[Attempt] = TypeAdapter(Attempt)
_SHARES: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, float])
_WRITTEN: TypeAdapter[Written | dict[str, float]] = TypeAdapter(Written | dict[str, float])


@dataclass(frozen=True)
class Task(Generic[C]):
    """What a model is to say. `kind` is what its text must be, `contract` whose name and hash the receipt gives.

    `prompt` gives the messages in the layout that a model wants.
    `compiled` gives the grammar for a length of the scratchpad and a way of writing JSON; `evidence` names the passages
    that the messages quote. `copied`: fields in the customer's own words that may be left out. `worded`: the
    questions of all the contract's fields in which words stay words. `told_apart`: the grammar without some fields, and
    with these copies to choose from for others.
    """

    kind: type[C]
    contract: type[Contract]
    prompt: Callable[[Layout], Sequence[Message]]
    compiled: Compile
    guardrails: Sequence[Guardrail] = ()
    evidence: Sequence[str] = ()
    copied: Sequence[str] = ()
    worded: Mapping[str, str] = field(default_factory=dict)
    told_apart: Callable[[Set[str], Mapping[str, Sequence[str]]], Compile] | None = None
    _grammars: dict[tuple[int | None, bool], Grammar] = field(default_factory=dict, compare=False)

    def grammar(self, length: int | None, spaced: bool) -> Grammar:
        """As `compiled`, once."""
        found = self._grammars.get((length, spaced))
        if found is None:
            found = self._grammars[length, spaced] = self.compiled(length, spaced)
        return found


@dataclass(frozen=True)
class Told:
    """What a model hears of one call besides: `instructions` behind those of app and workflow, `examples` as turns."""

    instructions: str = ""
    examples: tuple[Example, ...] = ()


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
    def asks_first(self) -> bool:
        """Whether the model is asked what was said before it fills a form."""
        return self._client is not None and self._client.profile.sure > 0

    def layout(self, told: Told = Told(), second: bool = False) -> Layout:
        """How the model, or the second one, is addressed in a call. UsageError without one.

        That somebody's own words do not reach a model which is too simple for them is told, once.
        """
        client = self._second if second else self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        prompts = self.prompts.told(told.instructions)
        layout = prompts.laid_out(client.profile)
        if layout.name == "copier" and (told.examples or prompts.own):
            client.notice(
                f"{client.engine.name} is addressed as a model that only copies: instructions, examples and templates"
                " do not reach it."
            )
        return layout

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
        client = self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        layout = self.layout(told)
        known = dict[str, C]()

        async def forced() -> bool:
            return (await _compiled(task.grammar, None, client.profile, first.messages)).constant is not None

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
                return await self._attempt(way, present, asked, note, read)

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
        client = self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")

        def lettered(order: Mapping[str, str]) -> Sequence[Message]:
            return prompt({letter: f"{name}: {options[name]}" for letter, name in order.items()})

        async def execute(note: Note) -> dict[str, float]:
            return await _weighed(client, lettered, options, note)

        shares: dict[str, float] = await self._execution.step(CHOICE, sorted(options.items()), execute, _SHARES)
        return shares

    async def fuse(self, wanted: Wanted, prompt: Prompt) -> Written:
        """How likely the model finds each option, and the form of the one that it chose, as one step and one call.

        Where the text broke its grammar, or there was no room for it, the answer is `weigh`'s, for which `prompt`
        offers the options by letter; so it is in a journal from before this was possible. UsageError without a model.
        """
        client = self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        sampling = Sampling(seed=self._seed)
        lengths: list[int | None] = [0] if client.profile.thinks else [None, *SHORTER]
        if not any(form.private_fields() for form in wanted.forms.values()):
            lengths = [None]

        def lettered(order: Mapping[str, str]) -> Sequence[Message]:
            return prompt({letter: f"{name}: {wanted.options[name]}" for letter, name in order.items()})

        async def execute(note: Note) -> Written | dict[str, float]:
            try:
                return await fused(client, wanted, sampling, lengths, note, self._today)
            except (ConstraintBroken, PromptTooLong) as error:
                shares = await _weighed(client, lettered, wanted.options, note)
                note.detail["apart"] = error.what  # why the form is not among this step's results
                return shares

        # The arguments are `weigh`'s: an old journal, and one of a model that had no room for both, are read alike.
        found = await self._execution.step(CHOICE, sorted(wanted.options.items()), execute, _WRITTEN)
        return found if isinstance(found, Written) else Written(found)

    async def _attempt(
        self, client: EngineClient, task: Task[C], asked: Try, note: Note, read: Callable[[str], C]
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
            unsaid, copies, calls = await _told_apart(client, task, asked)
        except PromptTooLong:  # there is less room for the form itself, and what becomes of that is told below
            unsaid, copies, calls = {}, {}, ()
        compile = cache(task.told_apart(unsaid.keys(), copies)) if calls and task.told_apart else task.grammar
        if unsaid:
            note.detail["unsaid"] = unsaid
        note.prompt_tokens = sum(call.usage.prompt_tokens for call in calls)
        note.completion_tokens = sum(call.usage.completion_tokens for call in calls)
        weighing = max((call.seconds for call in calls), default=0.0)

        async def compiled(length: int | None) -> Grammar:
            return await _compiled(compile, length, client.profile, asked.messages)

        # A model that thinks before it answers needs no scratchpad inside its answer.
        lengths: list[int | None] = [0] if client.profile.thinks else [None, *SHORTER]
        if not task.kind.private_fields():
            lengths = [None]
        constant = (await compiled(lengths[0])).constant
        if constant is not None:
            note.detail |= {"finish_reason": "forced", "engine_seconds": weighing}
            return await self._checked(task, read, constant, "forced")
        try:
            completion, length = await _drawn(client, asked, compiled, lengths)
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
            if calls and (unread := _unread(task, value)):
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


async def _weighed(client: EngineClient, prompt: Prompt, options: Mapping[str, str], note: Note) -> dict[str, float]:
    """How likely the model finds each option, noted."""
    weighed = await weigh(client.generate, prompt, list(options))
    note.prompt_tokens = sum(call.usage.prompt_tokens for call in weighed.calls)
    note.completion_tokens = sum(call.usage.completion_tokens for call in weighed.calls)
    note.detail = {
        "contract": "choice",
        "hash": ", ".join(sorted(options)),
        "calls": len(weighed.calls),
        "finish_reason": "stop" if weighed.calls else "forced",
        "enforcement": client.engine.enforcement,
        "engine_seconds": max((call.seconds for call in weighed.calls), default=0.0),
        **decoding(weighed.calls),
    }
    return dict(weighed.shares)


async def _told_apart(
    client: EngineClient, task: Task[C], asked: Try
) -> tuple[dict[str, float], Mapping[str, Sequence[str]], tuple[Completion, ...]]:
    """The fields of which a model is not sure enough that they were said, with how likely that is; what may be copied
    into the others; and the calls."""
    sure = client.profile.sure
    asks = sure > 0 and not client.profile.thinks  # one that thinks would think before each field
    if not asks or not task.copied or asked.prompted or client.engine.enforcement != "grammar":
        return {}, {}, ()
    grammar = await _compiled(task.grammar, 0, client.profile, asked.messages)
    if not grammar.said:
        return {}, {}, ()
    known = await mentions(client.generate, asked.messages, task.copied, client.profile.spaced)
    claimed = told_apart(known.begun, grammar.said, task.worded, sure)
    return {field: round(share, 4) for field, share in claimed.unsaid.items()}, claimed.copies, known.calls


def _unread(task: Task[C], value: C) -> dict[str, str]:
    """The words that cannot be read as a value of fields that need none: they are left out of the form."""
    found = {name: getattr(value, name) for name in task.copied if not task.contract.model_fields[name].is_required()}
    return {name: words.text for name, words in found.items() if isinstance(words, Unread)}


async def _drawn(
    client: EngineClient,
    asked: Try,
    compiled: Callable[[int | None], Awaitable[Grammar]],
    lengths: Sequence[int | None],
) -> tuple[Completion, int | None]:
    """A completion, with the longest of the scratchpads that leaves room for the prompt, and its length; where not even
    the shortest does, one that is brought to its end within the room there is, by an engine that can."""
    for length in lengths[:-1]:
        with suppress(PromptTooLong):
            return await client.generate(asked.messages, await compiled(length), asked.sampling, asked.prompted), length
    last = lengths[-1]
    try:
        return await client.generate(asked.messages, await compiled(last), asked.sampling, asked.prompted), last
    except PromptTooLong as error:
        if asked.prompted or isinstance(error, BudgetTooSmall) or not closes(client.engine):
            raise
    room = client.profile.context
    return await client.generate(asked.messages, await compiled(last), asked.sampling, max_tokens=room), last


async def _compiled(compile: Compile, length: int | None, profile: Profile, messages: Sequence[Message]) -> Grammar:
    """A grammar, which grows with what may be copied; the messages hold all of that."""
    return await offload(lambda: compile(length, profile.spaced), sum(len(message.content) for message in messages))


@cache
def _hash(contract: type[Contract]) -> str:
    return contract.contract_hash()
