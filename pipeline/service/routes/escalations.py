"""Escalations over HTTP: of conversations alone, by the names that came before /desk, which has those of runs as well
and is what to use. What is done is the desk's own doing (cases.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from models.grammar.grammar import normalise
from pipeline.chat.case import case_of
from pipeline.chat.dialogues import LONGEST
from pipeline.chat.transcript import Handed
from pipeline.journal.queries import Queries
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import ApiError
from pipeline.service.json_route import JsonRoute
from pipeline.service.service import Service
from pipeline.service.strict import Strict
from pipeline.service.timeline import begins, timeline

router = APIRouter(route_class=JsonRoute, prefix="/escalations", tags=["escalations"], deprecated=True)

Of = Annotated[str, Path(max_length=300)]


class Words(Strict):
    """What an operator says to the customer; none for taking or closing without a word."""

    text: str = Field("", max_length=LONGEST)


@router.get("")
async def list_escalations(
    service: ServiceOf, caller: Operator, state: Annotated[Literal["open", "taken", "closed"] | None, Query()] = None
) -> list[dict[str, Any]]:
    """Those of conversations in a state, or all, oldest first. GET /desk has those of runs, too, and pages."""
    return [
        {**handed.row(), "text": begins(handed.record, (service.journal.record(handed.record) or ("[]",))[0])}
        for handed in service.dialogues.escalations(state)
    ]


@router.get("/{record}")
async def read_escalation(record: Of, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Why it was handed over, what was said, what was found, tried and done."""
    return _known(service, service.dialogues.desk.one(record))


@router.post("/{record}/take")
async def take_escalation(
    record: Of, service: ServiceOf, caller: Operator, words: Words | None = None
) -> dict[str, Any]:
    """From now on what the customer writes goes to this operator."""
    service.dialogues.desk.one(record)  # and not what else the desk has of this record
    await service.cases.take("", record, caller)
    if words and normalise(words.text):
        await service.cases.answer("", record, normalise(words.text), caller)
    return service.dialogues.desk.one(record).row()


@router.post("/{record}/answer")
async def answer_escalation(record: Of, words: Words, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Say something into the conversation."""
    text = normalise(words.text)
    if not text:
        raise ApiError(422, "invalid", "The text is empty.", "Say what the customer should read.")
    asked = service.dialogues.desk.one(record).reason  # and not what else the desk has of this record
    await service.cases.answer("", record, text, caller, asked)
    return service.dialogues.desk.one(record).row()


@router.post("/{record}/close")
async def close_escalation(
    record: Of, service: ServiceOf, caller: Operator, words: Words | None = None
) -> dict[str, Any]:
    """The matter is settled; what the customer writes from now on is a new request."""
    service.dialogues.desk.one(record)
    await service.cases.close("", record, normalise(words.text) if words else "", caller)
    return service.dialogues.desk.one(record).row()


def _known(service: Service, handed: Handed) -> dict[str, Any]:
    journal: Queries = service.journal
    transcript: list[Any] = journal.transcript(handed.record)
    if handed.conversation is not None:  # all of it, also what was said before and after this record
        transcript = list(service.dialogues.transcript(handed.conversation).row()["turns"])
    story = timeline(journal, handed.record) or {"steps": [], "outcome": None}
    return {
        **handed.row(),
        "transcript": transcript,
        "steps": story["steps"],
        "receipt": (story["outcome"] or {}).get("receipt"),
        **case_of(journal, handed.record, ("contract", "rung", "error", "started", "seconds")),
    }
