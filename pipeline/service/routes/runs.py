"""Runs over HTTP: upload a batch, watch it, and look at each of its records."""

from __future__ import annotations

import asyncio
import json
import pathlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from pipeline.chat.inbox import Mark, Wanted
from pipeline.journal.queries import reading
from pipeline.service import uploads
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import not_found
from pipeline.service.service import Service
from pipeline.service.timeline import page, timeline

router = APIRouter(prefix="/runs", tags=["runs"])

Id = Annotated[str, Path(max_length=100)]
Status = Literal["completed", "needs_input", "escalated", "failed", "running"]
LINES = 200
"""Results sent in one piece."""
_JSONL = {"schema": {"type": "string"}}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "application/jsonl": _JSONL,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.post("", status_code=202, openapi_extra=_UPLOAD)
async def begin_run(request: Request, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Serve a file of requests, one JSON object a line, as the body or as a form's file."""
    id, path = service.runs.new()
    try:
        await uploads.store(request, path)
    except BaseException:
        with suppress(OSError):
            service.runs.drop(id)
        raise
    return await service.runs.submit(id, caller.owner)


@router.get("")
async def list_runs(service: ServiceOf, caller: Operator) -> list[dict[str, Any]]:
    """The runs, newest first."""

    def read() -> list[dict[str, Any]]:
        notes = service.runs.all()
        return [service.runs.one(note["id"]) if note["state"] == "running" else note for note in notes]

    return await asyncio.to_thread(read)


@router.get("/{id}")
async def read_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """How far a run is: how many of its records have which status."""
    try:
        return await asyncio.to_thread(service.runs.one, id)
    except KeyError:
        raise not_found("run", "GET /runs lists them.") from None


@router.get("/{id}/records")
async def list_records(
    id: Id,
    service: ServiceOf,
    caller: Operator,
    status: Annotated[Status | None, Query()] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="The `number` of the last record seen.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[dict[str, Any]]:
    """The records of a run in the order in which they were begun."""

    def read() -> list[dict[str, Any]]:
        journal = _journal(service, id)
        if journal is None:
            return []
        with reading(journal) as readings:
            return page(readings, status, after, limit)

    return await asyncio.to_thread(read)


@router.get("/{id}/records/{custom_id:path}")
async def read_record(id: Id, custom_id: str, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """One record: its steps with their times, attempts and tokens, and how it ended."""

    def read() -> dict[str, Any] | None:
        journal = _journal(service, id)
        if journal is None:
            return None
        with reading(journal) as readings:
            return timeline(readings, custom_id)

    found = await asyncio.to_thread(read)
    if found is None:
        raise not_found("record", f"GET /runs/{id}/records lists those that were begun.")
    return found


@router.get("/{id}/results", responses={200: {"content": {"application/jsonl": _JSONL}}})
async def read_results(id: Id, service: ServiceOf, caller: Operator) -> StreamingResponse:
    """A line of JSON for each record that has a status."""
    journal = await asyncio.to_thread(_journal, service, id)

    def lines() -> Iterator[str]:
        if journal is None:
            return
        with reading(journal) as readings:
            kept: list[str] = []
            for line in readings.lines():
                kept.append(line + "\n")
                if len(kept) == LINES:
                    yield "".join(kept)
                    kept.clear()
            yield "".join(kept)

    return StreamingResponse(lines(), media_type="application/jsonl")


@router.get("/{id}/waiting", responses={200: {"content": {"application/jsonl": _JSONL}}})
async def read_waiting(id: Id, service: ServiceOf, caller: Operator) -> StreamingResponse:
    """A line of JSON for each record that waits for a person. With an `answer` in each they can be sent back."""

    def lines() -> Iterator[str]:
        after: Mark | None = None
        while page := service.cases.page(Wanted(), "", id, after, LINES):
            for case in page.cases:
                row = {
                    "custom_id": case.record,
                    "kind": case.kind,
                    "for": case.to,
                    "asks": case.asks,
                    "text": case.text,
                }
                yield json.dumps({**row, "choices": case.choices, "schema": case.schema}, ensure_ascii=False) + "\n"
            after = page.next
            if after is None:
                return

    await asyncio.to_thread(_journal, service, id)
    return StreamingResponse(lines(), media_type="application/jsonl")


@router.post("/{id}/answers", openapi_extra=_UPLOAD)
async def answer_file(id: Id, request: Request, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Answer many records at once, a line of {"custom_id", "answer"} for each, as `interlock answer` takes them.

    What can be used is; `left_out` says which lines cannot, and why. The run goes on by itself.
    """
    with tempfile.TemporaryDirectory(prefix="interlock-answers-") as folder:
        path = pathlib.Path(folder) / "answers.jsonl"
        await uploads.store(request, path)
        answered, bad = await service.cases.apply(id, path, caller)
    return {"answered": answered, "left_out": [line.row() for line in bad]}


def _journal(service: Service, id: str) -> pathlib.Path | None:
    try:
        return service.runs.journal(id)
    except KeyError:
        raise not_found("run", "GET /runs lists them.") from None
