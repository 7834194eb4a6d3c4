"""Mending: what a person's answer changes in a form: the field that was asked for, and what was said beside it.

Knows how an answer is understood, by code first and by a model then, and when it takes a request back; leaves the
question to filling.py, and where words are looked for to extraction.py and drafting.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import date

from models.contract import Contract
from models.said import Unread
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.errors import Dropped
from pipeline.forms import dialogue_acts, extraction, slots
from pipeline.forms.drafting import Drafting
from pipeline.forms.interview import SUBJECT_WORDS, Interview
from pipeline.forms.leniency import Guessed, loose
from pipeline.outcome import Escalation, Question
from pipeline.text import short


class Mending:
    """Changes of one record's forms by its person. `guessed`: the record's values that an action must not use before
    they are confirmed."""

    def __init__(
        self, interview: Interview, today: date, execution: Execution, drafting: Drafting, guessed: Guessed
    ) -> None:
        self._interview = interview
        self._today = today
        self._drafting = drafting
        self._guessed = guessed
        self._asked: History[str] = History(execution.positions)

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
            looked = await self._drafting.again(contract, values, field)
            if looked is not None:
                return {**values, field: looked}
        if asked >= slots.ASK_LIMIT:
            raise Escalation("human", f"Asked {slots.ASK_LIMIT} times for '{field}' without a usable answer.")
        self._asked.add(field)
        kind = slots.said_kind(contract, field)
        if question.choices is not None and kind is None:  # one of them, nothing beside it
            value = await self._interview.ask(
                question, lambda said: slots.read_answer(contract, field, said, self._today)
            )
            return {**values, field: value}

        def reads(said: str) -> bool:
            if kind is str:  # one word of small talk may well be a name
                return len(said.split()) < SUBJECT_WORDS
            return slots.read_answer(contract, field, said, self._today) is not None

        answer = await self._interview.reply(question, question, reads)
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
                    await self._interview.check_subject(answer, corrected=True)
                mended = {**values, field: None, **found}
                if kind is str or slots.gap(contract, mended) is not None:
                    mended |= await self._more(contract, field, answer, mended, found.keys() - {field})
            case extraction.Words():
                await self._interview.check_subject(answer, corrected=corrected is not None)
                await self._interview.check_withdrawal(answer)
                mended = {**values, field: None}
                mended |= await self._more(contract, field, answer, mended)
        if mended[field] is None:
            mended[field] = value = self._as_words(contract, field, answer, values, mended)
            if value is not None and value is not values.get(field):
                self._keep_in_mind(contract, field, value, answer)
        return mended

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
        for name, value in (await self._drafting.fill(contract, [answer], self._interview.own())).items():
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


def _differ(
    contract: type[Contract], values: Mapping[str, object], mended: Mapping[str, object], field: str = ""
) -> bool:
    """Whether a field other than `field` has another value now; scratchpads do not count."""
    left = {field, *contract.private_fields()}
    return any(value != values.get(name) for name, value in mended.items() if name not in left)
