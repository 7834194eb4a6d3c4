"""The HTTP application: routes, guard, errors and the page's files, put together. Opens nothing: see service.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pipeline.service import errors
from pipeline.service.middleware.guard import Guard
from pipeline.service.middleware.headed import headed
from pipeline.service.middleware.prefix import rooted
from pipeline.service.middleware.probed import ALIVE, probed
from pipeline.service.middleware.request_id import named
from pipeline.service.openapi import describe
from pipeline.service.routes import (
    approvals,
    batches,
    completions,
    conversations,
    desk,
    escalations,
    files,
    health,
    index_search,
    inside,
    passages,
    run_records,
    runs,
)
from pipeline.service.service import Service
from pipeline.service.unasked import refuse_unknown

WEB = Path(__file__).parents[1] / "web"
"""The page: files served as they are."""


def application(service: Service) -> ASGIApp:
    """A service's ASGI application."""
    api = FastAPI(
        title=f"Interlock: {service.app.name}",
        version="1",
        description="Conversations, escalations and runs of one app. Errors are {error: {code, message, hint}}.",
        docs_url=None,  # their pages load scripts from other hosts
        redoc_url=None,
    )
    api.state.service = service
    api.include_router(health.router)  # whoever probes and scrapes may say more than is asked
    for routes in (conversations, desk, escalations, approvals, runs, run_records, passages):
        api.include_router(routes.router, dependencies=[Depends(refuse_unknown)])
    for routes in (inside, index_search, completions, files, batches):
        api.include_router(routes.router, dependencies=[Depends(refuse_unknown)])
    errors.install(api)
    contracts = service.app.classes

    def document() -> dict[str, Any]:
        return describe(api, contracts)

    api.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it
    if (WEB / "index.html").is_file():
        api.mount("/web", StaticFiles(directory=WEB))
        api.add_api_route("/", _index, include_in_schema=False)
    alive = next(route for route in api.routes if getattr(route, "path", "") == ALIVE)
    guarded = service.metrics.around(Guard(headed(probed(api, alive)), service.tokens, service.limits))
    return named(rooted(guarded, service.limits.root_path))


async def _index() -> FileResponse:
    return FileResponse(WEB / "index.html")
