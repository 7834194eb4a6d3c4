"""Filling: a form from what was said and answered: complete, and holding its rules.

Knows how a gap or a violated rule becomes a question about one field, what an answer may change besides, and where to
look before anything is asked; leaves the wording and reading of answers to slots.py and extraction.py, what a model
copies to generation.py, and the person to interview.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.grammar.grammar import compile_grammar, normalise
from models.said import Unread
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.durable.note import Note
from pipeline.errors import Dropped, GuardrailViolation
from pipeline.forms import dialogue_acts, extraction, slots
from pipeline.forms.interview import Interview
from pipeline.forms.leniency import Guessed, loose
from pipeline.forms.memory import KEPT, RECALLED, Memory, kept
from pipeline.generation.fusing import Wanted, Written
from pipeline.generation.generation import Compile, Generation, Holds, Task, Told
from pipeline.guardrail import Guardrail
from pipeline.outcome import Escalation, Question
from pipeline.record import Turn
from pipeline.text import short

C = TypeVar("C", bound=Contract)

_NAME: TypeAdapter[str | None] = TypeAdapter(str | None)
_PAIRS: TypeAdapter[dict[str, tuple[str, str]]] = TypeAdapter(dict[str, tuple[str, str]])
_WORDS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class Filling:
    """The forms of one record.

    `memory`: what earlier records of the same conversation collected, None outside of one; `before`: the same of
    earlier parts of this record. `guessed`: the record's values that an action must not use before they are confirmed.
    """

    def __init__(
        self,
        interview: Interview,
        today: date,
        execution: Execution,
        generation: Generation,
        holds: Holds,
        memory: Memory | None,
        before: Memory,
        guessed: Guessed,
    ) -> None:
        self.interview = interview
        self._today = today
        self._execution = execution
        self._generation = generation
        self._holds = holds
        self._memory = memory
        self._before = before
        self._guessed = guessed
        self._asked: History[str] = History(execution.positions)
        self._looked: History[str] = History(execution.positions)
        self._written: dict[type[Contract], _Written] = {}
        self._told: dict[type[Contract], Told] = {}
        self._certain: dict[type[Contract], Mapping[str, str]] = {}

    async def collect(
        self,
        contract: type[C],
        values: dict[str, object] | None,
        guardrails: Sequence[Guardrail],
        told: Told = Told(),
    ) -> tuple[C, dict[str, object]]:
        """A form that is complete and holds its guardrails, and its values by field.

        `values` are those of an earlier pass, if there was one; `told`: what a model hears of this form besides. Raises
        as `ask`, and GuardrailViolation.
        """
        draft = slots.narrowed(contract, True)
        for example in told.examples:
            example.written(draft)
        self._told[contract] = told
        if values is None:
            values = self._found(contract)
            if values is None:
                values = await self._first(contract)
            values = extraction.sorted_out(contract, values, self._today)
            values |= extraction.stated(contract, values, self.interview.said())
            values |= await self._spelled(contract, values)
            values = await self._recalled(contract, values)
            either = extraction.either(contract, values, self.interview.said(), self._today)
            if either is not None:
                values = await self.mend(contract, values, either)
        while True:
            question = slots.gap(contract, values)
            if question is not None:
                values = await self.mend(contract, values, question)
                continue
            form = await self._check(contract, values, guardrails)
            if not isinstance(form, _Wrong):
                await self._remember(form)
                return form, values
            values = await self.mend(contract, values, form.question, form.also, rule=True)

    async def fuse(self, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]) -> Written:
        """How likely a model finds each option (name to description), and the form of the one it chose, from one call.

        `forms`: what an option's workflow collects first. `take` keeps the form, if it is the right one.
        """
        own, layout = self.interview.own(), self._generation.layout()
        drafts = {name: slots.narrowed(form, self._generation.decides) for name, form in forms.items()}
        # A model whose fields are asked for first has its form filled by itself.
        drafts = {name: draft for name, draft in drafts.items() if _asks(draft) and not self._generation.asks_first}
        wanted = Wanted(
            options,
            drafts,
            forms,
            self.interview.said(),
            lambda lettered, fields: layout.fuse(question, lettered, fields, own),
        )
        return await self._generation.fuse(wanted, lambda lettered: layout.weigh(question, lettered, own))

    def take(self, contract: type[Contract], written: Written) -> None:
        """Keep a form that was written with the choice: `collect` then asks no model, unless more was said by then."""
        if written.text is None or written.hash != contract.contract_hash():
            return
        draft = slots.narrowed(contract, self._generation.decides)
        try:
            form = draft.model_validate_json(written.text, context={"today": self._today})
        except ValidationError:  # no grammar admits it, but an engine may be wrong: the form is asked for by itself
            return
        values = {name: getattr(form, name) for name in draft.model_fields}
        self._written[contract] = _Written(values, tuple(self.interview.own()))

    def _found(self, contract: type[Contract]) -> dict[str, object] | None:
        written = self._written.get(contract)
        if self._told[contract] != Told():  # what was written with the choice was written without that
            return None
        return None if written is None or written.own != tuple(self.interview.own()) else dict(written.values)

    async def mend(
        self,
        contract: type[Contract],
        values: Mapping[str, object],
        question: Question,
        also: Sequence[str] = (),
        rule: bool = False,
    ) -> dict[str, object]:
        """The form's values after a person answered a question about one field, or about one of the fields `also`.

        `rule`: the question is why a rule does not hold, so that a bare "no" takes the request back.
        """
        field = question.field or ""
        asked = tuple(self._asked).count(field)
        if rule and values.get(field) is None and not asked:
            looked = await self._looked_up(contract, values, field)
            if looked is not None:
                return {**values, field: looked}
        if asked >= slots.ASK_LIMIT:
            raise Escalation(
                "human", f"The customer was asked {slots.ASK_LIMIT} times for '{field}' without a usable answer."
            )
        self._asked.add(field)
        if question.choices is not None and slots.said_kind(contract, field) is None:  # one of them, nothing beside it
            value = await self.interview.ask(
                question, lambda said: slots.read_answer(contract, field, said, self._today)
            )
            return {**values, field: value}
        answer = await self.interview.hear(question)
        if dialogue_acts.drops(answer) or (rule and dialogue_acts.declines(answer)):
            raise Dropped
        corrected = dialogue_acts.corrected(answer)
        answer = corrected or answer
        parsed = await extraction.aside(lambda: extraction.parse(contract, field, answer, self._today, also), answer)
        match parsed:
            case extraction.Whole(value=value, beside=beside):
                self._keep_in_mind(contract, field, value, answer)
                return {**values, **beside, field: value}
            case extraction.Named(found=found):
                for name, value in found.items():
                    self._keep_in_mind(contract, name, value, answer)
                if corrected and found.keys() == {field}:  # "no, I meant …" may begin another subject
                    await self.interview.check_subject(answer, corrected=True)
                mended = {**values, field: None, **found}
                if slots.said_kind(contract, field) is str or slots.gap(contract, mended) is not None:
                    mended |= await self._more(contract, field, answer, mended, found.keys() - {field})
            case extraction.Words():
                await self.interview.check_subject(answer, corrected=corrected is not None)
                await self.interview.check_withdrawal(answer)
                mended = {**values, field: None}
                mended |= await self._more(contract, field, answer, mended)
        if mended[field] is None:
            mended[field] = value = self._as_words(contract, field, answer, values, mended)
            if value is not None and value is not values.get(field):
                self._keep_in_mind(contract, field, value, answer)
        return mended

    def _keep_in_mind(self, contract: type[Contract], field: str, value: object, answer: str) -> None:
        """Have an action that is fed by a value confirmed, if the value may have been guessed."""
        self._guessed.pop((contract, field), None)
        if not isinstance(value, Unread) and (found := loose(contract, field, value, answer, self._today)):
            self._guessed[contract, field] = found

    def _as_words(
        self,
        contract: type[Contract],
        field: str,
        answer: str,
        values: Mapping[str, object],
        mended: Mapping[str, object],
    ) -> object | None:
        """The value of a field that was asked for, where neither code nor a model found one in the answer."""
        if _differ(contract, values, mended, field):
            return values.get(field)  # something else was changed in its place
        kind = slots.said_kind(contract, field)
        if kind is str:
            return slots.read_words(contract, field, answer[:64], self._today)
        return None if kind is None else Unread(short(answer))

    async def changed(
        self, contract: type[Contract], values: Mapping[str, object], answer: str
    ) -> dict[str, object] | None:
        """The form's values after a remark that nobody asked for; None if it changes none of them."""
        others = await extraction.aside(lambda: extraction.others(contract, "", answer, self._today), answer)
        mended = dict(values) | others
        if not others:  # a remark beside an answer: what a model finds in it may only replace what there is
            found = await self._more(contract, "", answer, mended)
            mended |= {name: value for name, value in found.items() if values.get(name) is not None}
        return mended if _differ(contract, values, mended) else None

    async def _more(
        self,
        contract: type[Contract],
        field: str,
        answer: str,
        values: Mapping[str, object],
        settled: Set[str] = frozenset(),
    ) -> dict[str, object]:
        """What a model finds in an answer beside what code has read: gaps, and changes where a word announces one."""
        found: dict[str, object] = {}
        changes = dialogue_acts.changes(answer)
        # What was said before has been read before: only the answer may be copied from now.
        for name, value in (await self._fill(contract, [answer], self.interview.own())).items():
            old = values.get(name)
            if value is None or name in settled:
                continue
            if name in contract.private_fields():
                found[name] = value
            elif name == field:
                found |= {name: value} if old is None else {}
            elif isinstance(value, Unread) or str(value) == str(values.get(field)):
                continue
            elif old is None or isinstance(old, Unread) or (changes and slots.said_kind(contract, name) is str):
                found[name] = value
        return found

    async def _first(self, contract: type[Contract]) -> dict[str, object]:
        """What was said of a form, before anything was asked for."""
        said, own = self.interview.said(), self.interview.own()
        if not self._generation.asks_first:
            return await self._fill(contract, said, own)
        # What code can read needs no model that is asked field by field, and is unsure of what it was told.

        async def read() -> dict[str, str]:
            return extraction.certain(contract, said, self._today)

        words = await self._execution.notice(f"certain {contract.__name__}", [said], read, _WORDS)
        known = {name: slots.read_words(contract, name, text, self._today) for name, text in words.items()}
        left = [name for name in contract.model_fields if name not in known]
        self._certain[contract] = words
        rest = extraction.without(said, words.values())  # no words fill two fields
        filled = await self._fill(contract, rest, own, left if known else None) if rest else {}
        return {name: value for name, value in filled.items() if not self._idle(contract, name, value)} | known

    def _idle(self, contract: type[Contract], field: str, value: object) -> bool:
        """Whether words cannot be read that a model which is unsure of what was said took for a field that needs none.

        The receipt tells them; whoever asked for them would ask about nothing.
        """
        return isinstance(value, Unread) and not contract.model_fields[field].is_required()

    async def _fill(
        self, contract: type[Contract], said: Sequence[str], turns: Sequence[Turn], only: Sequence[str] | None = None
    ) -> dict[str, object]:
        """What a model copied from `said`, by field; None for what it did not find. `only`: these fields."""
        draft = slots.narrowed(contract, self._generation.decides)
        if only is not None:
            draft = slots.excerpt(draft, tuple(only))
        if not _asks(draft):
            return {}
        told = self._told.get(contract, Told())
        examples = [example.only(draft.model_fields) for example in told.examples]

        def compiled(form: type[Contract]) -> Compile:
            return lambda length, spaced: compile_grammar(form, said, scratchpad=length, spaced=spaced)

        task = Task(
            draft,
            contract,
            lambda layout: layout.fill(draft, turns, examples),
            compiled(draft),
            copied=[name for name in draft.model_fields if slots.said_kind(draft, name) is not None],
            worded=slots.worded(contract),
            told_apart=lambda unsaid, copies: compiled(slots.told_apart(draft, unsaid, copies)),
        )
        filled = await self._generation.produce(task, told=told)
        return {name: getattr(filled, name) for name in draft.model_fields}

    async def _looked_up(self, contract: type[Contract], values: Mapping[str, object], field: str) -> object | None:
        """A second look at what was said, for a field that was left empty and is needed after all."""
        kind = slots.said_kind(contract, field)
        if kind is None or field in self._looked:
            return None
        self._looked.add(field)
        known = {str(other) for name, other in values.items() if name != field and other is not None}
        said = self.interview.said()
        if self._generation.asks_first:
            said = extraction.without(said, {*known, *self._certain.get(contract, {}).values()})
        value = (await self._fill(contract, said, self.interview.own(), [field])).get(field) if said else None
        return None if isinstance(value, Unread) or str(value) in known else value

    async def _spelled(self, contract: type[Contract], values: Mapping[str, object]) -> dict[str, object]:
        """What code reads in the customer's words for required fields that the model left empty: codes and the like."""
        missing, said = slots.missing(contract, values), self.interview.said()

        async def read() -> dict[str, str]:
            return extraction.spelled(contract, missing, said, self._today)

        found = await self._execution.notice(f"read {contract.__name__}", [missing, said], read, _WORDS)
        return {name: slots.read_words(contract, name, words, self._today) for name, words in found.items()}

    async def _recalled(self, contract: type[Contract], values: dict[str, object]) -> dict[str, object]:
        """The values, with what would have to be asked for and was said before: in another part, form or request."""
        found = self._before.words(contract, slots.missing(contract, values))
        values |= {name: slots.read_words(contract, name, words, self._today) for name, words in found.items()}
        missing = slots.missing(contract, values)
        memory = self._memory
        if memory is not None and missing:

            async def recall(note: Note) -> dict[str, str]:
                return memory.words(contract, missing)

            found = await self._execution.step(f"{RECALLED} {contract.__name__}", missing, recall, _WORDS)
            values |= {name: slots.read_words(contract, name, words, self._today) for name, words in found.items()}
            missing = slots.missing(contract, values)
        turns = tuple(self.interview.conversation)
        earlier = [normalise(turn.text) for turn in turns if turn.earlier and turn.role == "customer"]
        if missing and earlier:
            filled = await self._fill(contract, earlier, turns, missing)
            values |= {
                name: value for name, value in filled.items() if name in missing and not isinstance(value, Unread)
            }
        return values

    async def _remember(self, form: Contract) -> None:
        """Keep a form for the records that follow in the same conversation."""
        if self._memory is None:
            return

        async def keep(note: Note) -> dict[str, tuple[str, str]]:
            return kept(form)

        await self._execution.step(f"{KEPT} {type(form).__name__}", [form], keep, _PAIRS)

    async def _check(
        self, contract: type[C], values: Mapping[str, object], guardrails: Sequence[Guardrail]
    ) -> C | _Wrong:
        """The form, or the question about what is wrong with it."""
        given = {name: value for name, value in values.items() if value is not None}
        given |= {name: "" for name in contract.private_fields() if name not in given}
        try:
            form = contract.model_validate(given, context={"today": self._today})
        except ValidationError as error:
            first = error.errors()[0]
            told = first["msg"].removeprefix("Value error, ").rstrip(".")
            named = slots.named(contract, first["loc"], told)
            if not named:
                raise Escalation("human", f"What was said does not fit together: {told}.") from error
            return _Wrong(slots.question(contract, named[0], f"{told}.", named[1:]), named[1:])
        if not guardrails:
            return form

        async def check(note: Note) -> str | None:
            for rule in guardrails:
                if not await self._holds(rule, [form]):
                    return rule.name
            return None

        arguments = [form, [rule.name for rule in guardrails]]
        violated = await self._execution.step(f"check {contract.__name__}", arguments, check, _NAME)
        if violated is None:
            return form
        rule = next(rule for rule in guardrails if rule.name == violated)
        if rule.field is None:
            raise GuardrailViolation(rule.name, rule.message)
        return _Wrong(slots.question(contract, rule.field, rule.message, rule.fields[1:]), rule.fields[1:])


@dataclasses.dataclass(frozen=True)
class _Written:
    """A form's values that a model wrote when `own` was all that had been said."""

    values: Mapping[str, object]
    own: tuple[Turn, ...]


@dataclasses.dataclass(frozen=True)
class _Wrong:
    """What is wrong with a form, as a question; a value for one of the fields `also` would mend it as well."""

    question: Question
    also: tuple[str, ...] = ()


def _asks(draft: type[Contract]) -> bool:
    """Whether a model can fill any of a draft's fields."""
    return bool(set(draft.model_fields) - set(draft.private_fields()))


def _differ(
    contract: type[Contract], values: Mapping[str, object], mended: Mapping[str, object], field: str = ""
) -> bool:
    """Whether a field other than `field` has another value now; scratchpads do not count."""
    left = {field, *contract.private_fields()}
    return any(value != values.get(name) for name, value in mended.items() if name not in left)
