"""Approvals over HTTP: of conversations alone, by the names that came before /desk, which has those of runs as well
and is what to use. What is done is the desk's own doing (cases.py).
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path

from pipeline.service.access import Operator, ServiceOf
from pipeline.service.json_route import JsonRoute
from pipeline.service.strict import Strict

router = APIRouter(route_class=JsonRoute, prefix="/approvals", tags=["approvals"], deprecated=True)

Of = Annotated[str, Path(max_length=300)]


class Decision(Strict):
    """Whether the action may be done with these arguments."""

    approve: bool


@router.get("")
async def list_approvals(service: ServiceOf, caller: Operator) -> list[dict[str, Any]]:
    """What waits for an approval: whose, of which action, with exactly which arguments. Oldest first.
    GET /desk?kind=approval has those of runs, too, and pages.
    """
    return [
        {
            "record": waiting.record,
            "conversation": service.dialogues.conversations.of(waiting.record),
            "role": waiting.role,
            "question": waiting.text,
            "action": waiting.action,
            "arguments": json.loads(waiting.arguments or "null"),
        }
        for waiting in service.journal.unapproved()
    ]


@router.post("/{record}")
async def decide(record: Of, decision: Decision, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Approve it, or not; the request goes on at once. Not for what was asked with the same token."""
    await service.cases.answer("", record, "yes" if decision.approve else "no", caller)
    return {"record": record, "approved": decision.approve}
