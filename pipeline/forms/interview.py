"""Interview: gets answers from a person: what was said, what was answered, and how often it may be asked.

Knows when an answer takes a request back or changes the subject; leaves what is asked about a form to filling.py, and
waiting for a person to execution.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import TypeAdapter

from models.grammar.grammar import normalise
from models.values.reading import read
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

_FOUND: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class Elsewhere:
    """Tells of an answer whether it is about something else than the present request: never, where nobody knows."""

    async def surely(self, answer: str) -> bool:
        """Whether it certainly is, so that what was begun is given up."""
        return False

    def small_talk(self, answer: str) -> str | Escalation | None:
        """What is said to an answer that is neither one nor a request ("thanks"); None for all others."""
        return None

    async def likely(self, answer: str) -> str | None:
        """What else it may ask for, as it fits into "Do you want to …?"; None where nothing else is likely."""
        return None


class Interview:
    """The customer's side of one record. `conversation` grows by each question and its answer.

    `elsewhere` tells of an answer whether it changes the subject; whoever knows may be put in its place.
    """

    def __init__(self, conversation: History[Turn], execution: Execution, elsewhere: Elsewhere) -> None:
        self.conversation = conversation
        self._execution = execution
        self.elsewhere = elsewhere
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
            answer = await self.reply(asked, question, lambda said: understand(said) is not None, about)
            rest = dialogue_acts.corrected(answer)
            if rest is not None:
                await self.check_subject(rest, corrected=True)
                await self.check_withdrawal(rest)
                if amend is not None:
                    await amend(rest)
            meaning = understand(answer)
            if meaning is None and dialogue_acts.drops(answer):
                raise Dropped
            if meaning is not None:
                return meaning
            await self.check_subject(answer)
            await self.check_withdrawal(answer)
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
            said = await self.ask(question, self._free)
            await self.check_withdrawal(said)
            await self.check_wish(said)
            return said
        return await self.ask(question, lambda answer: slots.match(answer, choices))

    def _free(self, answer: str) -> str | None:
        """Any words are an answer, but for those that take the request back, or are small talk of several words."""
        talk = len(answer.split()) >= SUBJECT_WORDS and self.elsewhere.small_talk(answer) is not None
        return None if talk or dialogue_acts.drops(answer) else answer

    async def select(self, question: Question) -> tuple[str, ...]:
        """The one of the question's choices that a person names, or those that they want together. Raises as `ask`."""
        choices = question.choices or ()

        def understand(answer: str) -> tuple[str, ...] | None:
            chosen = slots.match(answer, choices)
            return (chosen,) if chosen is not None else slots.match_all(answer, choices) or None

        return await self.ask(question, understand)

    async def reply(
        self, asked: Question, question: Question, reads: Callable[[str], bool], about: Sequence[object] = ()
    ) -> str:
        """What a person says to a question, first put as `asked`. To small talk that `reads` does not take for an
        answer they get a reply, and are asked once more. Raises Escalation where they ask for a person.
        """
        while True:
            answer = await self.hear(asked, about)
            talked = await self._talked(answer, reads)
            if not talked:
                return answer
            asked = dataclasses.replace(question, text=f"{talked} {question.text}")

    async def _talked(self, answer: str, reads: Callable[[str], bool]) -> str:
        async def find() -> dict[str, str]:
            talk = self.elsewhere.small_talk(answer)
            if talk is None or reads(answer):
                return {}
            return {"to": talk.to, "reason": talk.reason} if isinstance(talk, Escalation) else {"says": talk}

        found = await self._execution.notice("talk", [answer], find, _FOUND)
        if "to" in found:
            raise Escalation(found["to"], found["reason"])
        return found.get("says", "")

    async def hear(self, question: Question, about: Sequence[object] = ()) -> str:
        """What a person says to a question, verbatim."""
        if len(self._asked) >= MOST_QUESTIONS:
            raise Escalation("human", f"{MOST_QUESTIONS} questions were asked without coming to an end.")
        answer = normalise(await self._execution.ask(question, about))
        self._asked.add(question.text)
        self.conversation.add(Turn("assistant", question.text), Turn("customer", answer))
        return answer

    async def check_subject(self, answer: str, corrected: bool = False) -> None:
        """WrongIntent if an answer is about something else than what was asked; `corrected` as there."""
        if len(answer.split()) >= SUBJECT_WORDS and await self.elsewhere.surely(answer):
            raise WrongIntent("The customer changed the subject.", text=answer, corrected=corrected)

    async def check_wish(self, answer: str) -> None:
        """WrongIntent if words that would do for an answer are another wish. It is not guessed: the person is asked."""

        async def find() -> dict[str, str]:
            likely = await self.elsewhere.likely(answer) if len(answer.split()) >= SUBJECT_WORDS else None
            return {} if likely is None else {"phrase": likely, "answer": answer}

        found = await self._execution.notice("wish", [answer], find, _FOUND)
        if not found:
            return
        if await self._agreed(f'You wrote "{short(answer)}": do you want to {found["phrase"]} instead?'):
            raise WrongIntent("The customer changed the subject.", text=answer)

    async def check_withdrawal(self, answer: str) -> None:
        """Dropped if an answer takes the request back in words that may mean something else ("cancel my order")."""

        async def find() -> dict[str, str]:
            return {"withdraws": answer} if dialogue_acts.withdraws(answer) else {}

        doubtful = await self._execution.notice("withdrawal", [answer], find, _FOUND)
        if doubtful and await self._agreed(f'You wrote "{short(answer)}": shall I stop here, and do nothing more?'):
            raise Dropped

    async def _agreed(self, doubt: str) -> bool:
        def understand(answer: str) -> bool | None:  # who says it once more means it
            return dialogue_acts.withdraws(answer) or read(bool, answer, self._execution.today)

        return await self.ask(Question(None, doubt, ("yes", "no")), understand)

    def own(self) -> list[Turn]:
        """The turns about this request."""
        return [turn for turn in self.conversation if not turn.earlier]
