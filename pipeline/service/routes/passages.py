"""Passages over HTTP: the source that a quote was taken from."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from pipeline.service.access import CallerOf, ServiceOf
from pipeline.service.errors import not_found

router = APIRouter(tags=["passages"])


@router.get("/passages/{id:path}")
async def read_passage(id: str, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """A passage with its document, its headings, where it stands in the document, and the document's metadata."""
    if service.retriever is None:
        raise not_found("passage", "This app has no knowledge.")
    index = service.retriever.index
    try:
        passage = await asyncio.to_thread(index.passage, id)
        metadata = await asyncio.to_thread(index.metadata, passage.document)
    except (KeyError, ValueError):
        raise not_found("passage", "Take the id from an answer's quotes.") from None
    return {**vars(passage), "metadata": dict(metadata)}
