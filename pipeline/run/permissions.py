"""Permissions: what a workflow may do: its intent's actions, the approvals of a person, the calls of other workflows.

Knows what was allowed; neither does anything itself nor asks anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.action import Action
from pipeline.errors import ActionNotUnlocked, NotApproved
from pipeline.journal.rows import digest
from pipeline.outcome import Escalation
from pipeline.workflow import Workflow


class Permissions:
    """The permit of one run: nothing, until a workflow is unlocked. Paths inside `state` count relative to it."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._workflow: Workflow | None = None
        self._approved: set[tuple[str, str]] = set()
        self._calls: Counter[Workflow] = Counter()

    def unlock(self, workflow: Workflow) -> None:
        """Allow what a workflow lists, and only that."""
        self._workflow = workflow

    def approve(self, action: Action[..., Any], marked: str) -> None:
        """A person approved an action with the arguments that have this digest."""
        self._approved.add((action.name, marked))

    def check(self, action: Action[..., Any], args: Sequence[object]) -> tuple[str, str | None]:
        """The intent that allows an action, and the digest of its arguments if a person approved them.

        ActionNotUnlocked if no intent does, NotApproved if it needs an approval that these arguments do not have.
        """
        workflow = self._workflow
        if workflow is None or not workflow.unlocks(action):
            raise ActionNotUnlocked(action.name, workflow.intent if workflow else "none")
        marked = digest(list(args), self._state)
        approval = marked if (action.name, marked) in self._approved else None
        if action.approval and approval is None:
            raise NotApproved(action.name)
        return workflow.intent, approval

    def count(self, other: Workflow) -> None:
        """One call more of a workflow: ActionNotUnlocked if it is not listed, Escalation if it is one too many."""
        caller = self._workflow
        if caller is None or other not in caller.calls:
            raise ActionNotUnlocked(other.__name__, caller.intent if caller else "none", "calls")
        if self._calls[other] >= caller.calls[other]:
            raise Escalation(
                "human", f"'{other.__name__}' was called {self._calls[other]} times without coming to an end."
            )
        self._calls[other] += 1

    def start_over(self) -> None:
        """Another pass: what was approved has to be approved again, and calls count from zero."""
        self._calls.clear()
        self._approved.clear()
