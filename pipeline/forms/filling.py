"""Filling: a form from what was said and answered: complete, and holding its rules.

Knows how a gap or a violated rule becomes a question about one field, and where to look before anything is asked;
leaves the wording and reading of answers to slots.py and extraction.py, what is found in what was said to drafting.py,
what an answer changes to mending.py, and the person to interview.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.grammar.grammar import normalise
from models.said import Unread
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.errors import GuardrailViolation
from pipeline.forms import extraction, slots
from pipeline.forms.drafting import Drafting
from pipeline.forms.interview import Interview
from pipeline.forms.leniency import Guessed
from pipeline.forms.memory import KEPT, RECALLED, Memory, kept
from pipeline.forms.mending import Mending
from pipeline.generation.generation import Generation, Holds
from pipeline.generation.task import Told
from pipeline.guardrail import Guardrail
from pipeline.outcome import Escalation, Question

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
        self.drafting = Drafting(interview, today, execution, generation)
        self.mending = Mending(interview, today, execution, self.drafting, guessed)
        self._today = today
        self._execution = execution
        self._holds = holds
        self._memory = memory
        self._before = before

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
        self.drafting.told[contract] = told
        if values is None:
            values = await self.drafting.first(contract)
            values = extraction.sorted_out(contract, values, self._today)
            values |= extraction.stated(contract, values, self.interview.said())
            values |= await self.drafting.spelled(contract, values)
            values = await self._recalled(contract, values)
            either = extraction.either(contract, values, self.interview.said(), self._today)
            if either is not None:
                values = await self.mending.mend(contract, values, either)
        while True:
            question = slots.gap(contract, values)
            if question is not None:
                values = await self.mending.mend(contract, values, question)
                continue
            form = await self._check(contract, values, guardrails)
            if not isinstance(form, _Wrong):
                await self._remember(form)
                return form, values
            values = await self.mending.mend(contract, values, form.question, form.also, rule=True)

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
            filled = await self.drafting.fill(contract, earlier, turns, missing)
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
class _Wrong:
    """What is wrong with a form, as a question; a value for one of the fields `also` would mend it as well."""

    question: Question
    also: tuple[str, ...] = ()
