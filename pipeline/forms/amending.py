"""Amending: a form that was collected is changed by a person, and its workflow starts over with what is known now.

Knows what sets a change off, a rule that does not hold or a remark beside a yes or no, and how often one may. How an
answer changes a form is mending.py's business, and what a workflow is called with its caller's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter

from models.contract import Contract
from models.said import written
from models.values.reading import read
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.errors import Dropped, GuardrailViolation, UsageError
from pipeline.forms import slots
from pipeline.forms.collected import Collected
from pipeline.forms.filling import Filling
from pipeline.forms.leniency import Guessed
from pipeline.guardrail import Guardrail
from pipeline.outcome import Approval, Escalation, Question

T = TypeVar("T")

_NAME: TypeAdapter[str | None] = TypeAdapter(str | None)

PASSES = 8
"""How often a workflow may start over because a person changed a form: more than the questions' own limits allow."""


class Amended(BaseException):
    """A person changed a field after it was used: the workflow starts over with what is known now. Internal."""


async def settled(serve: Callable[[], Awaitable[T]], start_over: Callable[[], Awaitable[None]]) -> T:
    """What a workflow comes to, called from the top again after each change of a form; `start_over` comes before that.

    Escalation if there are too many changes.
    """
    for _ in range(PASSES):
        try:
            return await serve()
        except Amended:
            await start_over()
    raise Escalation("human", f"The request was changed {PASSES} times without coming to an end.")


class Amending:
    """Changes of one run's forms. Each raises Suspend while an answer is awaited, and Amended once it is made."""

    def __init__(
        self, collected: Collected, filling: Filling, execution: Execution, today: date, guessed: Guessed
    ) -> None:
        self._collected = collected
        self._filling = filling
        self._execution = execution
        self._today = today
        self._guessed = guessed

    async def agreed(self, question: str, about: Sequence[object] = (), approval: Approval | None = None) -> bool:
        """A person's yes or no; `about`: what else the answer is bound to. A remark beside it may change a form.

        `approval`: it is for somebody else than the customer to say.
        """
        asked = Question(None, question, ("yes", "no"), approval=approval)
        agreed = await self._filling.interview.ask(
            asked, lambda answer: read(bool, answer, self._today), about=about, amend=self._remarked
        )
        if agreed:  # whoever was shown a value has confirmed it
            for key in [key for key, one in self._guessed.items() if written(one.value) in question]:
                del self._guessed[key]
        return agreed

    async def assure(self, args: Sequence[object]) -> None:
        """Have the customer confirm what an action's arguments hold of values that may have been guessed.

        A "no" asks for the field once more, and the workflow starts over. Raises as `agreed`, and Dropped where
        another workflow collected the form.
        """
        for one in [one for one in self._guessed.values() if one.feeds(args)]:
            if await self.agreed(one.question):
                continue
            del self._guessed[one.contract, one.field]
            forms = self._collected.forms
            if one.contract not in forms:
                raise Dropped
            values = {**forms[one.contract], one.field: None}
            forms[one.contract] = await self._filling.mending.mend(
                one.contract, values, slots.question(one.contract, one.field)
            )
            raise Amended

    async def require(self, guardrail: Guardrail, args: Sequence[object], field: str | None) -> None:
        """As `Run.require`."""

        async def check(note: Note) -> str | None:
            return None if await self._collected.holds(guardrail, args) else guardrail.name

        violated = await self._execution.step(f"require {guardrail.name}", list(args), check, _NAME)
        if violated is None:
            return
        fields = guardrail.fields if field is None else (field,)
        field = next(iter(fields), None)
        if field is None:
            raise GuardrailViolation(guardrail.name, guardrail.message)
        contract = self._collected.form_with(field)
        if contract is None:
            raise UsageError(
                f"The guardrail '{guardrail.name}' is to be mended by '{field}', which no collected form has: collect"
                " it first."
            )
        await self._mend(contract, guardrail, field, fields[1:])

    async def clarify(self, guardrail: Guardrail) -> None:
        """Ask for the field that a violated guardrail names, if a form that was collected has it."""
        contract = self._collected.form_with(guardrail.field)
        if contract is not None:
            await self._mend(contract, guardrail, guardrail.field or "", guardrail.fields[1:])

    async def _mend(self, contract: type[Contract], guardrail: Guardrail, field: str, also: Sequence[str]) -> NoReturn:
        question = slots.question(contract, field, guardrail.message, also)
        forms = self._collected.forms
        forms[contract] = await self._filling.mending.mend(contract, forms[contract], question, also, rule=True)
        raise Amended

    async def _remarked(self, remark: str) -> None:
        """Start over if a remark changes a form that was collected ("yes, but make it Saturday")."""
        forms = self._collected.forms
        for contract in reversed(forms):
            changed = await self._filling.mending.changed(contract, forms[contract], remark)
            if changed is not None:
                forms[contract] = changed
                raise Amended
