"""The inside of a record over HTTP, for operators: what every step was given and gave."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path

from pipeline.journal.queries import reading
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import not_found
from pipeline.service.inside import inside
from pipeline.service.routes.desk import CONVERSATION
from pipeline.service.routes.runs import journal_of

router = APIRouter(prefix="/inside", tags=["inside"])


@router.get("/{run}/{record:path}")
async def read_inside(
    run: Annotated[str, Path(max_length=100, description="The run's id, or - for a record of a conversation.")],
    record: Annotated[str, Path(max_length=300)],
    service: ServiceOf,
    caller: Operator,
) -> dict[str, Any]:
    """What `interlock inspect ID --prompts` tells: prompts as they were sent, what models wrote and thought, arguments
    of actions, results, tokens and seconds.
    """

    def read() -> dict[str, Any] | None:
        path = service.journal.path if run == CONVERSATION else journal_of(service, run)
        if path is None:
            return None
        with reading(path) as journal:
            return inside(journal, record)

    found = await asyncio.to_thread(read)
    if found is None:
        raise not_found("record", "Take its name from a list of records, or from a case.")
    return found
