"""Files over HTTP, as OpenAI's API has them: requests for a batch, and the answers of one. Each token sees its own."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse

from pipeline.completions.options import FILES, refuse_others
from pipeline.record import BadRecord
from pipeline.service import uploads
from pipeline.service.access import CallerOf, ServiceOf, owns
from pipeline.service.errors import ApiError, named, not_found
from pipeline.service.file_store import MOST_BYTES
from pipeline.service.listing import After, listed
from pipeline.service.service import Service
from pipeline.service.tokens import Caller

router = APIRouter(prefix="/v1/files", tags=["openai"])

Id = Annotated[str, Path(max_length=100)]
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": ["batch"]},
                    },
                }
            },
        },
    }
}


@router.post("", openapi_extra=_UPLOAD)
async def upload_file(request: Request, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Keep a file of requests for a batch."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, "invalid_request", "A file comes as a form, with the fields file and purpose.")
    async with uploads.form(request) as (file, fields):
        try:  # a form has expires_after[anchor] for what is in expires_after
            refuse_others(FILES, {name.partition("[")[0]: value for name, value in fields.items()})
        except BadRecord as error:
            raise ApiError(400, "invalid_request", str(error), param=named(str(error))) from None
        if fields.get("purpose") != "batch":
            raise ApiError(400, "invalid_request", '"purpose" may be batch.', param="purpose")
        if await asyncio.to_thread(service.files.uploaded, caller.owner) + (file.size or 0) > MOST_BYTES:
            raise ApiError(
                413, "too_large", f"More than {MOST_BYTES:,} bytes of files would be kept.", "Delete some of them."
            )

        def put(path: FilePath) -> None:
            uploads.copy(file, path)

        name = (file.filename or "file")[:200]
        return _row(await asyncio.to_thread(service.files.add, caller.owner, name, "batch", put))


@router.get("")
async def list_files(
    service: ServiceOf,
    caller: CallerOf,
    purpose: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The files, newest first."""
    notes = await asyncio.to_thread(service.files.all)
    seen = [note for note in notes if owns(service, caller, note) and purpose in (None, note["purpose"])]
    return listed(seen if order == "desc" else seen[::-1], after, limit, _row)


@router.get("/{id}")
async def read_file(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """What is known of a file."""
    return _row(await known_file(service, caller, id))


@router.get(
    "/{id}/content",
    response_class=FileResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}},
)
async def read_content(id: Id, service: ServiceOf, caller: CallerOf) -> FileResponse:
    """A file's bytes."""
    note = await known_file(service, caller, id)
    return FileResponse(service.files.content(note["id"]), media_type="application/jsonl")


@router.delete("/{id}")
async def delete_file(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Take a file away; a batch that was made of it goes on."""
    note = await known_file(service, caller, id)
    await asyncio.to_thread(service.files.delete, note["id"])
    return {"id": note["id"], "object": "file", "deleted": True}


async def known_file(service: Service, caller: Caller, id: str, param: str | None = None) -> dict[str, Any]:
    """A file that the caller may see, as a note. ApiError 404; `param`: the option that named it."""
    try:
        note = await asyncio.to_thread(service.files.one, id)
    except KeyError:
        note = None
    if note is None or not owns(service, caller, note):
        error = not_found("file", "GET /v1/files lists them.")
        error.param = param
        raise error
    return note


def _row(note: Any) -> dict[str, Any]:
    return {
        "id": note["id"],
        "object": "file",
        "bytes": note["bytes"],
        "created_at": int(note["created"]),
        "expires_at": None,
        "filename": note["filename"],
        "purpose": note["purpose"],
        "status": "processed",
        "status_details": None,
    }
