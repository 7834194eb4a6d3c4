"""Interview: gets answers from a person: what was said, what was answered, and how often it may be asked.

Knows when an answer takes a request back or changes the subject; leaves what is asked about a form to filling.py, and
waiting for a person to execution.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from models.grammar.grammar import normalise
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.errors import Dropped, WrongIntent
from pipeline.forms import dialogue_acts, slots
from pipeline.outcome import Escalation, Question
from pipeline.record import Turn
from pipeline.text import short

T = TypeVar("T")

SUBJECT_WORDS = 3
"""An answer of fewer words is no change of subject: "Goa" is about whatever was asked."""
MOST_QUESTIONS = 12
"""In one record: more is no longer a service, and a person takes over."""

Elsewhere = Callable[[str], Awaitable[bool]]
"""Whether an answer is surely about something else than the present request."""


class Interview:
    """The customer's side of one record. `conversation` grows by each question and its answer.

    `elsewhere` tells of an answer whether it changes the subject.
    """

    def __init__(self, conversation: History[Turn], execution: Execution, elsewhere: Elsewhere) -> None:
        self.conversation = conversation
        self._execution = execution
        self._elsewhere = elsewhere
        self._asked: History[str] = History(execution.positions)

    def said(self) -> list[str]:
        """What the customer said about this request, turn by turn, as a grammar takes it."""
        return [normalise(turn.text) for turn in self.own() if turn.role == "customer"]

    async def ask(
        self,
        question: Question,
        understand: Callable[[str], T | None],
        about: Sequence[object] = (),
        amend: Callable[[str], Awaitable[None]] | None = None,
    ) -> T:
        """What a person's answer means to `understand`, which returns None for an answer it does not.

        `about`: what else the answer is bound to. `amend` is given an answer that says more than was asked, and raises
        if it changes something.

        Raises Suspend until the question is answered, Dropped when it takes the request back, WrongIntent when it is
        about something else, and Escalation when it was asked in vain.
        """
        asked = question
        for _ in range(slots.ASK_LIMIT):
            answer = await self.hear(asked, about)
            rest = dialogue_acts.corrected(answer)
            if rest is not None:
                await self.check_subject(rest, corrected=True)
                if amend is not None:
                    await amend(rest)
            meaning = understand(answer)
            if meaning is None and dialogue_acts.drops(answer):
                raise Dropped
            if meaning is not None:
                return meaning
            await self.check_subject(answer)
            if amend is not None:
                await amend(answer)
            asked = dataclasses.replace(question, text=f'I did not understand "{short(answer)}". {question.text}')
        raise Escalation(
            "human", f'"{short(question.text)}" was asked {slots.ASK_LIMIT} times without a usable answer.'
        )

    async def answer(self, question: Question) -> str:
        """A person's answer; if the question has choices, exactly one of them. Raises as `ask`."""
        choices = question.choices
        if choices is None:
            return await self.ask(question, lambda answer: None if dialogue_acts.drops(answer) else answer)
        return await self.ask(question, lambda answer: slots.match(answer, choices))

    async def hear(self, question: Question, about: Sequence[object] = ()) -> str:
        """What a person says to a question, verbatim."""
        if len(self._asked) >= MOST_QUESTIONS:
            raise Escalation("human", f"The customer was asked {MOST_QUESTIONS} questions without coming to an end.")
        answer = normalise(await self._execution.ask(question, about))
        self._asked.add(question.text)
        self.conversation.add(Turn("assistant", question.text), Turn("customer", answer))
        return answer

    async def check_subject(self, answer: str, corrected: bool = False) -> None:
        """WrongIntent if an answer is about something else than what was asked; `corrected` as there."""
        if len(answer.split()) >= SUBJECT_WORDS and await self._elsewhere(answer):
            raise WrongIntent("The customer changed the subject.", text=answer, corrected=corrected)

    def own(self) -> list[Turn]:
        """The turns about this request."""
        return [turn for turn in self.conversation if not turn.earlier]
