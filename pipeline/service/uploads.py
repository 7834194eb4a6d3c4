"""Uploads: a file of requests as it arrives, as the body itself or as a form's file, written to disk piece by piece."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.service.errors import ApiError


async def store(request: Request, path: Path) -> str:
    """Write what was uploaded to `path`; the name that a form gives its file, else "".

    ApiError for a form without a file or with more than that, and for a client that left.
    """
    kind = request.headers.get("content-type", "")
    try:
        if kind.startswith("multipart/form-data"):
            async with form(request) as (file, fields):
                for field in fields:
                    raise ApiError(400, "invalid", f'"{field[:100]}" is refused: it is not known here.', "Send a file.")
                await asyncio.to_thread(copy, file, path)
                return file.filename or ""
        with path.open("wb") as out:
            async for chunk in request.stream():
                await asyncio.to_thread(out.write, chunk)
        return ""
    except ClientDisconnect:
        raise ApiError(400, "bad_request", "The upload ended before its end.") from None


@asynccontextmanager
async def form(request: Request) -> AsyncIterator[tuple[UploadFile, dict[str, str]]]:
    """A form's file and its other fields, for the length of a block. ApiError for a form without a file."""
    try:
        fields = await request.form(max_files=1, max_fields=10)
    except ClientDisconnect:
        raise ApiError(400, "bad_request", "The upload ended before its end.") from None
    except (FormParserError, HTTPException, KeyError, ValueError) as error:
        raise ApiError(400, "bad_request", f"The form cannot be read ({error}).") from None
    try:
        file = next((value for value in fields.values() if isinstance(value, UploadFile)), None)
        if file is None:
            raise ApiError(400, "invalid", "The form has no file.", "Send a JSONL file in the field 'file'.")
        yield file, {name: value for name, value in fields.items() if isinstance(value, str)}
    finally:
        await fields.close()


def copy(file: UploadFile, path: Path) -> None:
    """Write a form's file to `path`."""
    with path.open("wb") as out:
        shutil.copyfileobj(file.file, out)
