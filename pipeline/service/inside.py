"""Inside: all that the journal holds of one record, for whoever runs the service: what each step was given and gave,
prompts as they were sent, what models wrote for each form. Reads a journal; for people of a conversation: timeline.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.journal.queries import Queries
from pipeline.journal.rows import ActionRow, StepRow
from pipeline.service.timeline import step_row

_PROMPT = ("messages", "sampling", "evidence")
_TOLD = ("enforcement", "finish_reason", "model", "mass", "tight", "full", "closed", "engine_seconds", "own_seconds")


def inside(journal: Queries, record: str) -> dict[str, Any] | None:
    """Ready for JSON; None if the record was not begun.

    A step's `given` is a model's prompt or an action's arguments, and null for any other step, of which the journal
    keeps a digest; `gave` is its result, `error` why there is none, `thinking` what a model thought, `told` what else
    is known of its call. `collected`: contract to what models wrote into its fields, the last word of each.
    """
    known = journal.record(record)
    if known is None:
        return None
    actions = {action.key: action for action in journal.actions(record)}
    steps = sorted(journal.steps(record), key=lambda step: step.started)
    return {
        "custom_id": record,
        "status": known[1] or "running",
        "transcript": journal.transcript(record),
        "steps": [_row(step, actions) for step in steps],
        "collected": _collected(steps),
        "outcome": journal.outcome(record),
    }


def _row(step: StepRow, actions: Mapping[str, ActionRow]) -> dict[str, Any]:
    detail = step.detail
    given: Any = {name: detail[name] for name in _PROMPT if detail.get(name)} or None
    if (action := actions.get(str(detail.get("action")))) is not None:
        given = json.loads(action.arguments)
    return {
        **step_row(step),
        "digest": step.digest,
        "given": given,
        "gave": None if step.result is None else json.loads(step.result),
        "error": None if step.error is None else json.loads(step.error),
        "thinking": detail.get("thinking") or None,
        "told": {name: detail[name] for name in _TOLD if detail.get(name) not in (None, "", [], {})},
    }


def _collected(steps: list[StepRow]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        wrote = json.loads(step.result) if step.is_try and step.result is not None else {}
        try:
            values = json.loads(wrote.get("text") or "")
        except ValueError:  # cut off, or no JSON by its contract
            continue
        if isinstance(values, dict) and not wrote.get("error"):
            form = found.setdefault(step.detail["contract"], {})
            form |= {name: value for name, value in values.items() if value is not None or name not in form}
    return found
