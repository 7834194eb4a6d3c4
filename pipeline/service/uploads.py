"""Uploads: a file of requests as it arrives, as the body itself or as a form's file, written to disk piece by piece."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.service.errors import ApiError


async def store(request: Request, path: Path) -> None:
    """Write what was uploaded to `path`. ApiError for a form without a file, and for a client that left."""
    kind = request.headers.get("content-type", "")
    try:
        if kind.startswith("multipart/form-data"):
            await _store_form(request, path)
            return
        with path.open("wb") as out:
            async for chunk in request.stream():
                await asyncio.to_thread(out.write, chunk)
    except ClientDisconnect:
        raise ApiError(400, "bad_request", "The upload ended before its end.") from None


async def _store_form(request: Request, path: Path) -> None:
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
            if file is None:
                raise ApiError(422, "invalid", "The form has no file.", "Send a JSONL file in the field 'file'.")
            with path.open("wb") as out:
                await asyncio.to_thread(shutil.copyfileobj, file.file, out)
    except (FormParserError, HTTPException, KeyError, ValueError) as error:
        raise ApiError(400, "bad_request", f"The form cannot be read ({error}).") from None
