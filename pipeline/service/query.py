"""Query: the options behind a path's question mark. One that its route does not know is refused by name."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from pipeline.service.errors import ApiError


def refuse_unknown(request: Request) -> None:
    """A dependency of every router. ApiError 400 for an option that nobody would obey."""
    route: APIRoute = request.scope["route"]
    known = [one.alias for one in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            told = f"Leave it out, or give {' or '.join(known)}." if known else "Leave it out: there are none here."
            raise ApiError(
                400, "invalid_request", f'"{name[:100]}" is refused: it is not known here.', told, param=name
            )
