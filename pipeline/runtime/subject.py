"""Subject: whether an answer is about something else than the request that it is given in.

Knows what the gate makes of a text, and how sure it has to be; what follows is interview.py's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import TypeAdapter

from models.background import in_thread
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.forms.interview import Elsewhere
from pipeline.outcome import Escalation
from pipeline.routing import unserved
from pipeline.routing.decision import Decision
from pipeline.routing.gate import Gate
from pipeline.workflow import Workflow

OTHER = 0.8, 0.5
"""Least probability and similarity of the intent of an answer that changes the subject: higher than where a message is
cut, for it gives up what was begun. Less is enough for a question."""

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


class Subject(Elsewhere):
    """By one app's gate, its `workflows` by intent. `present`: the intent that is served when an answer comes.
    `talk`: what is said to small talk.
    """

    def __init__(
        self,
        gate: Gate,
        workflows: Mapping[str, Workflow],
        execution: Execution,
        present: Callable[[], str | None],
        talk: Callable[[str], str | Escalation | None],
    ) -> None:
        self._gate = gate
        self._workflows = workflows
        self._execution = execution
        self._present = present
        self._talk = talk

    def small_talk(self, answer: str) -> str | Escalation | None:
        """What is said to an answer that is neither one nor a request; None for all others."""
        return self._talk(answer)

    async def surely(self, answer: str) -> bool:
        """Whether the gate is sure that an answer is for another intent than the present one."""
        if not self._gate.reads:
            return False

        async def read(note: Note) -> Decision:
            return await self._read(answer)

        decision: Decision = await self._execution.step("subject", [answer], read, _DECISION)
        return decision.reaches(*OTHER) and decision.intent != self._present()

    async def likely(self, answer: str) -> str | None:
        """The phrase of another intent that an answer may well be for: it asks, or is as good as sure."""
        if not self._gate.reads:
            return None
        decision = await self._read(answer)
        if decision.intent in (None, self._present()):
            return None
        likely = decision.reaches(*(unserved.ASKED if unserved.asks(answer) else OTHER))
        return self._workflows[decision.intent].phrase if likely and decision.intent else None

    async def _read(self, answer: str) -> Decision:
        return (await in_thread(self._gate.read, [answer]))[0]
