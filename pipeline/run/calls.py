"""Calls: a workflow called by another, as one step of the journal with steps of its own inside.

Knows what a caller learns of a call: its ending, what was asked and told in it. Whether it may be called is
permissions.py's business, and the positions of its steps execution.py's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.forms.amending import settled
from pipeline.outcome import Escalation
from pipeline.record import Turn
from pipeline.run.progress import ProgressUpdates
from pipeline.workflow import Workflow


@dataclass(frozen=True)
class Calls:
    """The calls of one run. `conversation` grows by what is asked in a call."""

    execution: Execution
    conversation: list[Turn]
    progress: ProgressUpdates

    async def call(
        self, other: Workflow, args: Sequence[Any], serve: Callable[[], Awaitable[object]], forget: Callable[[], None]
    ) -> Any:
        """What another workflow returns. `serve` calls it from the top; `forget` comes before another pass over it.

        Escalation if it hands over to a person, or a person changed its forms too often.
        """
        turns, says = len(self.conversation), self.progress.spoken

        async def body(note: Note, start_over: Callable[[], None]) -> object:
            def again() -> None:
                forget()
                start_over()

            ending = await settled(serve, again)
            if isinstance(ending, Escalation):
                raise ending
            asked = [[turn.role, turn.text] for turn in self.conversation[turns:]]
            note.detail |= {"turns": asked, "says": self.progress.spoken - says}
            return ending

        ending, note = await self.execution.nest(f"call {other.__name__}", list(args), body, other.adapter)
        if len(self.conversation) == turns:  # from the journal: what was asked and told in it belongs to us as well
            self.conversation.extend(Turn(role, text) for role, text in note.detail["turns"])
            self.progress.spoken = max(self.progress.spoken, says + note.detail["says"])
        return ending
