"""Health: whether the process is alive, whether it can serve, and its figures."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from pipeline.service.access import CallerOf, ServiceOf
from pipeline.service.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Something that is needed does not answer."}})
async def readyz(service: ServiceOf) -> JSONResponse:
    """The engine answers, the journal was just written, the index is open, runs are served, and no end has begun."""
    parts = {
        "engine": await service.probe.answers(),
        "journal": await service.journal.writable(),
        "index": service.retriever is None or len(service.retriever.index) >= 0,
        "runs": service.runs.alive,
        "running": not service.stopping.is_set(),
    }
    ready = all(parts.values())
    return JSONResponse({"status": "ready" if ready else "not ready", **parts}, 200 if ready else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: ServiceOf, caller: CallerOf) -> Response:
    """Figures for Prometheus."""
    runs = await asyncio.to_thread(service.runs.progress)  # it opens the journals of those under way
    desk = await asyncio.to_thread(service.cases.standing)  # and of those in which something waits
    return Response(service.metrics.text(runs, desk), media_type=CONTENT_TYPE)


@router.get("/app")
async def app(service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """What a page shows before anything was said. Needs no token."""
    return {
        "name": service.app.name,
        "operator": caller.operator,
        "auth": bool(service.tokens),
        "caller": caller.name,
        "known": not service.tokens or bool(caller.owner),
        "index": service.retriever is not None,
        "examples": [workflow.examples[0] for workflow in service.app.workflows],
    }
