"""Batches over HTTP, as OpenAI's API has them: made of a file, watched, cancelled. Each token sees its own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from pipeline.service.access import CallerOf, ServiceOf, owns
from pipeline.service.errors import not_found
from pipeline.service.json_route import JsonRoute
from pipeline.service.listing import After, listed
from pipeline.service.routes.files import known_file
from pipeline.service.service import Service
from pipeline.service.tokens import Caller

router = APIRouter(route_class=JsonRoute, prefix="/v1/batches", tags=["openai"])

Id = Annotated[str, Path(max_length=100)]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["input_file_id", "endpoint", "completion_window"],
                    "properties": {
                        "input_file_id": {"type": "string"},
                        "endpoint": {"type": "string"},
                        "completion_window": {"type": "string", "pattern": "^[1-9][0-9]{0,2}h$"},
                        "metadata": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
                    },
                }
            }
        },
    }
}


@router.post("", openapi_extra=_BODY)
async def create_batch(request: Request, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Have every line of a file answered by the engine, on the queue of runs."""
    body = await request.json()
    if isinstance(body, dict):
        await known_file(service, caller, str(body.get("input_file_id")), "input_file_id")
    return service.batches.row(await service.batches.create(body, caller.owner))


@router.get("")
async def list_batches(
    service: ServiceOf,
    caller: CallerOf,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """The batches, newest first."""

    def read() -> dict[str, Any]:
        seen = [note for note in service.batches.all() if owns(service, caller, note)]
        return listed(seen, after, limit, service.batches.row)

    return await asyncio.to_thread(read)


@router.get("/{id}")
async def read_batch(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """How far a batch is, and the files of its answers and errors once it has ended."""
    return service.batches.row(await _known(service, caller, id))


@router.post("/{id}/cancel")
async def cancel_batch(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Begin no further line; those under way come to their end."""
    await _known(service, caller, id)
    return service.batches.row(await service.batches.cancel(id))


async def _known(service: Service, caller: Caller, id: str) -> dict[str, Any]:
    try:
        note = await asyncio.to_thread(service.batches.one, id)
    except KeyError:
        note = None
    if note is None or not owns(service, caller, note):
        raise not_found("batch", "GET /v1/batches lists them.")
    return note
