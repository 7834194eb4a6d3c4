"""The records of a run over HTTP: searched and sorted, one by one; their figures; and the lines
of its file that could not be read.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from pipeline.journal.queries import reading
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import not_found
from pipeline.service.record_list import Asked, Sort, records
from pipeline.service.routes.runs import Id, journal_of, no_such_run
from pipeline.service.run_figures import NO_FIGURES, figures
from pipeline.service.timeline import timeline

router = APIRouter(prefix="/runs", tags=["runs"])

Status = Literal["completed", "needs_input", "escalated", "failed", "running"]
Limit = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/{id}/records")
async def list_records(
    id: Id,
    service: ServiceOf,
    caller: Operator,
    status: Status | None = None,
    intent: Annotated[str | None, Query(max_length=200, description="undecided: those without one.")] = None,
    q: Annotated[str, Query(max_length=200, description="Words in the name, the text or what came of it.")] = "",
    declined: Annotated[
        bool | None, Query(description="Completed, and asked for what is not done here: those alone, or all others.")
    ] = None,
    sort: Annotated[Sort, Query(description="ended, slowest, tokens: the last or the most first.")] = "begun",
    after: Annotated[int, Query(ge=0, le=2**62, description="The `number` of the last record seen.")] = 0,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """The records of a run, by default in the order in which they were begun."""

    def read() -> list[dict[str, Any]]:
        journal = journal_of(service, id)
        if journal is None:
            return []
        with reading(journal) as readings:
            return records(readings, Asked(status, intent, q, declined, sort, after), limit)

    return await asyncio.to_thread(read)


@router.get("/{id}/records/{custom_id:path}")
async def read_record(id: Id, custom_id: str, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """One record: its steps with their times, attempts and tokens, and how it ended."""

    def read() -> dict[str, Any] | None:
        journal = journal_of(service, id)
        if journal is None:
            return None
        with reading(journal) as readings:
            return timeline(readings, custom_id)

    found = await asyncio.to_thread(read)
    if found is None:
        raise not_found("record", f"GET /runs/{id}/records lists those that were begun.")
    return found


@router.get("/{id}/figures")
async def read_figures(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """How many records of each intent have which status, how long they took, and their tokens."""

    def read() -> dict[str, Any]:
        journal = journal_of(service, id)
        if journal is None:
            return NO_FIGURES
        with reading(journal) as readings:
            return figures(readings)

    return await asyncio.to_thread(read)


@router.get("/{id}/unread")
async def list_unread(
    id: Id,
    service: ServiceOf,
    caller: Operator,
    after: Annotated[int, Query(ge=0, le=2**31, description="How many have been seen.")] = 0,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """The lines of its file that could not be read: each with its number, the reason, and its name if it has one."""
    try:
        return await asyncio.to_thread(service.runs.notes.unread, id, after, limit)
    except KeyError:
        raise no_such_run() from None
