"""Runs over HTTP: upload a batch, watch and steer it, take its results and give its answers."""

from __future__ import annotations

import asyncio
import json
import logging
import pathlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from models.grammar.grammar import normalise
from pipeline.chat.inbox import Mark, Wanted
from pipeline.journal.queries import reading
from pipeline.record import MAX_ID
from pipeline.service import uploads
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import ApiError, not_found
from pipeline.service.json_route import JsonRoute
from pipeline.service.run_readings import OPEN
from pipeline.service.service import Service
from pipeline.service.strict import Strict

log = logging.getLogger("interlock.service")

router = APIRouter(route_class=JsonRoute, prefix="/runs", tags=["runs"])

Id = Annotated[str, Path(max_length=100)]
LONGEST_NAME = 200
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


class Named(Strict):
    """What a run is called."""

    name: str = Field(max_length=LONGEST_NAME)


class Which(Strict):
    """Records of a run: by status, and by custom_id."""

    statuses: list[Literal["failed", "escalated"]] = Field(default=[], max_length=2)
    records: list[Annotated[str, Field(max_length=MAX_ID)]] = Field(default=[], max_length=1_000)


@router.post("", status_code=202, openapi_extra=_UPLOAD)
async def begin_run(
    request: Request,
    service: ServiceOf,
    caller: Operator,
    name: Annotated[str, Query(max_length=LONGEST_NAME, description="Of the file; a form has it already.")] = "",
) -> dict[str, Any]:
    """Serve a file of requests, one JSON object a line, as the body or as a form's file."""
    id, path = service.runs.new(caller.owner)
    try:
        told = await uploads.store(request, path)
    except BaseException:
        with suppress(OSError):
            service.runs.drop(id)
        raise
    file = _clean((name or told).replace("\\", "/").rpartition("/")[2])
    return await service.runs.submit(id, caller.owner, {"file": file, "name": file, "uploader": caller.shown})


@router.get("")
async def list_runs(service: ServiceOf, caller: Operator) -> list[Mapping[str, Any]]:
    """The runs, newest first; those that are not at their end as `GET /runs/{id}` has them."""

    def read() -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for note in service.runs.all():
            with suppress(KeyError):  # deleted meanwhile
                under_way = note["state"] in OPEN and note.get("begun")
                found.append(service.runs.one(note["id"]) if under_way else service.runs.ended(note))
        return found

    return await asyncio.to_thread(read)


@router.get("/{id}")
async def read_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """How far a run is: how many of its records have which status; its rate and the time left while it is served."""
    try:
        return await asyncio.to_thread(service.runs.one, id)
    except KeyError:
        raise no_such_run() from None


@router.patch("/{id}")
async def rename_run(id: Id, named: Named, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Call it by another name; "" is that of its file."""
    async with _known():
        await service.runs.rename(id, _clean(named.name))
    return await read_run(id, service, caller)


@router.delete("/{id}")
async def delete_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Take it away with all its files. `deleted` is false while records that are under way come to their end first."""
    async with _known():
        gone = await service.runs.delete(id)
    log.info("Run %s was deleted by %s", id, caller.shown)
    return {"id": id, "deleted": gone}


@router.post("/{id}/cancel")
async def cancel_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Begin no further record. What was answered stays; nothing changes for a run that has come to its end."""
    async with _known():
        await service.runs.cancel(id, caller.shown)
    return await read_run(id, service, caller)


@router.post("/{id}/pause")
async def pause_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Begin no further record until it is resumed, also after a restart. Those behind it have their turn."""
    async with _known():
        await service.runs.pause(id, caller.shown)
    return await read_run(id, service, caller)


@router.post("/{id}/resume")
async def resume_run(id: Id, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Go on with one that was paused, or that stopped with an error: it is put last."""
    async with _known():
        await service.runs.resume(id)
    return await read_run(id, service, caller)


@router.post("/{id}/retry")
async def retry_run(id: Id, service: ServiceOf, caller: Operator, which: Which | None = None) -> dict[str, Any]:
    """Serve records once more, with other draws: those that failed, where nothing is named. `retried`: how many."""
    chosen = [*which.statuses, *which.records] if which else []
    async with _known():
        retried = await service.runs.retry(id, chosen or ["failed"])
    return {"retried": retried, "run": await read_run(id, service, caller)}


@router.get("/{id}/results", responses={200: {"content": {"application/jsonl": _JSONL}}})
async def read_results(id: Id, service: ServiceOf, caller: Operator) -> StreamingResponse:
    """A line of JSON for each record that has a status."""
    journal = await asyncio.to_thread(journal_of, service, id)

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

    await asyncio.to_thread(journal_of, service, id)
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


def journal_of(service: Service, id: str) -> pathlib.Path | None:
    """The journal of a run; None before it has one. ApiError 404."""
    try:
        return service.runs.journal(id)
    except KeyError:
        raise no_such_run() from None


def no_such_run() -> ApiError:
    """What is told of a run that nobody knows."""
    return not_found("run", "GET /runs lists them.")


@asynccontextmanager
async def _known() -> AsyncIterator[None]:
    """ApiError 404 for a run that is not there."""
    try:
        yield
    except KeyError:
        raise no_such_run() from None


def _clean(name: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in normalise(name)).split())[:LONGEST_NAME]
