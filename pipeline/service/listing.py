"""Listing: a page of files or batches as OpenAI's API has it, and the options of a request that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query

from pipeline.service.errors import ApiError

After = Annotated[str | None, Query(max_length=100, description="The id of the last one seen.")]


def listed(
    notes: Sequence[Mapping[str, Any]],
    after: str | None,
    limit: int,
    row: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> dict[str, Any]:
    """A page of notes, each as a row, behind the one called `after`. ApiError 400 if there is no such one."""
    ids = [note["id"] for note in notes]
    if after is not None and after not in ids:
        raise ApiError(400, "invalid_request", '"after" is the id of none that there is.', param="after")
    begin = 0 if after is None else ids.index(after) + 1
    rows = [row(note) for note in notes[begin : begin + limit]]
    return {
        "object": "list",
        "data": rows,
        "first_id": rows[0]["id"] if rows else None,
        "last_id": rows[-1]["id"] if rows else None,
        "has_more": begin + limit < len(notes),
    }
