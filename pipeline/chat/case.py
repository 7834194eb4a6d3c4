"""Case: what a person who takes a record over has to know of it: what was found, tried and done. Knows a journal."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline.journal.queries import Queries
from pipeline.journal.rows import StepRow


def case_of(journal: Queries, record: str, attempt: Collection[str]) -> dict[str, Any]:
    """A record's evidence, attempts and actions, ready for JSON; `attempt`: what is told of each attempt.

    An attempt has `contract`, `rung`, `text` (what the model wrote), `error`, `started` (Unix time) and `seconds`.
    """
    steps = journal.steps(record)
    return {
        "evidence": [passage for step in steps for passage in step.passages],
        "attempts": [
            {name: value for name, value in _attempt(step).items() if name in attempt} for step in steps if step.is_try
        ],
        "actions": [action.row() for action in journal.actions(record)],
    }


def _attempt(step: StepRow) -> dict[str, Any]:
    return {**step.try_row(), "started": step.started, "seconds": step.seconds}
