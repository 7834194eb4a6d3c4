"""The index over HTTP, for operators: what a search finds, and why."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from index import Hit, Hits, KnowledgeError
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.errors import ApiError, not_found

router = APIRouter(prefix="/index", tags=["index"])


@router.get("/search")
async def search_index(
    service: ServiceOf,
    caller: Operator,
    q: Annotated[str, Query(max_length=2_000, description="What to look for.")] = "",
    k: Annotated[int, Query(ge=1, le=50)] = 8,
    where: Annotated[str, Query(max_length=500, description='Metadata to fit: lang = "en" and year >= 2024.')] = "",
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid",
    least: Annotated[float | None, Query(ge=-1, le=1, description="Least similarity (cosine) of a passage.")] = None,
    diversity: Annotated[float | None, Query(ge=0, le=1)] = None,
    join: Annotated[int, Query(ge=0, le=10, description="Neighbours to join to each passage.")] = 0,
) -> dict[str, Any]:
    """The passages that fit best, each with its scores and its ranks in both searches, as `interlock index search
    --explain` tells; where there are none, `nothing` says why.
    """
    retriever = service.retriever
    if retriever is None:
        raise not_found("index", "This app has no knowledge.")
    if any(0xD800 <= ord(sign) <= 0xDFFF for sign in q + where):
        raise ApiError(422, "invalid", "The query is no text.", "Send it as UTF-8.")

    def find() -> Hits:
        found: Hits = retriever.search(
            q, k, where=where.strip() or None, mode=mode, least=least, diversity=diversity, join=join
        )
        return found

    try:
        hits = await asyncio.to_thread(find)
    except KnowledgeError as error:
        raise ApiError(422, "invalid", f"{error.what}.", error.advice) from None
    index = retriever.index
    return {
        "hits": [_row(hit) for hit in hits],
        "nothing": hits.nothing,
        "account": vars(hits.account) if hits.account else None,
        "index": {"passages": len(index), "encoder": index.manifest.encoder, "version": index.version},
    }


def _row(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "passage": passage.id,
        "document": passage.document,
        "heading": passage.heading,
        "text": passage.text,
        "score": hit.score,
        "similarity": hit.similarity,
        "dense_rank": hit.dense_rank,
        "bm25": hit.bm25,
        "lexical_rank": hit.lexical_rank,
    }
