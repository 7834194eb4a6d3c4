"""Interview: gets answers from a person, and fills a form from what was said and answered.

Knows how a gap or a violated rule becomes a question about one field, and how often it may be asked; leaves the wording
and reading of answers to clarify.py, what a model copies to generation.py, and waiting for a person to replay.py.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.grammar import compile_grammar, normalise
from models.reading import read
from models.said import Unread
from pipeline import clarify, prompts
from pipeline.conversation import Turn
from pipeline.errors import GuardrailViolation
from pipeline.generation import Generation, Holds, Task
from pipeline.guardrails import Guardrail
from pipeline.outcome import Escalation, Question
from pipeline.replay import Note, Replay

C = TypeVar("C", bound=Contract)
T = TypeVar("T")

_NAME: TypeAdapter[str | None] = TypeAdapter(str | None)


class Interview:
    """The customer's side of one record. `conversation` grows by each question and its answer."""

    def __init__(
        self, conversation: list[Turn], today: date, replay: Replay, generation: Generation, holds: Holds
    ) -> None:
        self._conversation = conversation
        self._today = today
        self._replay = replay
        self._generation = generation
        self._holds = holds
        self._asked: Counter[str] = Counter()

    def said(self) -> list[str]:
        """What the customer said, turn by turn, as a grammar takes it."""
        return [normalise(turn.text) for turn in self._conversation if turn.role == "customer"]

    async def ask(self, question: Question, understand: Callable[[str], T | None], about: Sequence[object] = ()) -> T:
        """What a person's answer means to `understand`, which returns None for an answer it does not.

        `about`: what else the answer is bound to.

        Raises Suspend until the question is answered, and Escalation when it was asked in vain.
        """
        asked = question
        for _ in range(clarify.ASK_LIMIT):
            answer = normalise(await self._replay.ask(asked, about))
            self._conversation += [Turn("assistant", asked.text), Turn("customer", answer)]
            meaning = understand(answer)
            if meaning is not None:
                return meaning
            asked = dataclasses.replace(question, text=f'I did not understand "{short(answer)}". {question.text}')
        raise Escalation(
            "human", f'"{short(question.text)}" was asked {clarify.ASK_LIMIT} times without a usable answer.'
        )

    async def answer(self, question: Question) -> str:
        """A person's answer; if the question has choices, exactly one of them. Raises as `ask`."""
        choices = question.choices
        return await self.ask(question, lambda answer: answer if choices is None else clarify.match(answer, choices))

    async def collect(
        self, contract: type[C], values: dict[str, object] | None, guardrails: Sequence[Guardrail]
    ) -> tuple[C, dict[str, object]]:
        """A form that is complete and holds its guardrails, and its values by field.

        `values` are those of an earlier pass, if there was one. Raises Suspend, Escalation and GuardrailViolation.
        """
        if values is None:
            values = await self._fill(contract, self.said())
        while True:
            question = clarify.gap(contract, values)
            if question is None:
                form, question = await self._check(contract, values, guardrails)
                if form is not None:
                    return form, values
            if question is not None:
                values = await self.mend(contract, values, question)

    async def mend(
        self, contract: type[Contract], values: Mapping[str, object], question: Question
    ) -> dict[str, object]:
        """The form's values after a person answered a question about one field."""
        field = question.field or ""
        if self._asked[field] >= clarify.ASK_LIMIT:
            raise Escalation(
                "human", f"The customer was asked {clarify.ASK_LIMIT} times for '{field}' without a usable answer."
            )
        self._asked[field] += 1
        answer = await self.answer(question)
        mended = {**values, field: clarify.read_answer(contract, field, answer, self._today)}
        if mended[field] is None or clarify.gap(contract, mended) is not None:
            # What was said before has been read before: only the answer may be copied from now.
            for name, value in (await self._fill(contract, [normalise(answer)])).items():
                if mended.get(name) is None or isinstance(mended[name], Unread) or name in contract.private_fields():
                    mended[name] = value if value is not None else mended.get(name)
        if mended[field] is None and (kind := clarify.said_kind(contract, field)) is not None:
            mended[field] = read(str, answer[:64], self._today) if kind is str else Unread(short(answer))
        return mended

    async def _fill(self, contract: type[Contract], said: Sequence[str]) -> dict[str, object]:
        """What a model copied from `said`, by field; None for what it did not find."""
        draft = clarify.narrowed(contract, self._generation.decides)
        if not set(draft.model_fields) - set(contract.private_fields()):
            return {}
        messages = prompts.fill(draft, self._conversation)
        task = Task(draft, contract, messages, lambda length: compile_grammar(draft, said, scratchpad=length))
        filled = await self._generation.produce(task)
        return {name: getattr(filled, name) for name in draft.model_fields}

    async def _check(
        self, contract: type[C], values: Mapping[str, object], guardrails: Sequence[Guardrail]
    ) -> tuple[C, None] | tuple[None, Question]:
        """The form, or the question about what is wrong with it."""
        given = {name: value for name, value in values.items() if value is not None}
        given |= {name: "" for name in contract.private_fields() if name not in given}
        try:
            form = contract.model_validate(given, context={"today": self._today})
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"] or first["loc"][0] not in contract.model_fields:
                raise Escalation("human", f"What was said does not fit together: {first['msg']}.") from error
            return None, clarify.question(contract, str(first["loc"][0]), f"{first['msg']}.")
        if not guardrails:
            return form, None

        async def check(note: Note) -> str | None:
            for rule in guardrails:
                if not await self._holds(rule, [form]):
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


def short(text: str, length: int = 60) -> str:
    """A text as it may be quoted in a sentence: at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
