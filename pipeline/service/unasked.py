"""Unasked: what a request holds that its route does not know: options behind the path's question mark, and a body where
none is read. Both are refused.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from pipeline.service.errors import ApiError

NOTHING = (b"", b"{}", b"null")
"""Bodies that say nothing, as some clients send them with every POST."""


async def refuse_unknown(request: Request) -> None:
    """A dependency of every router. ApiError 400 for what nobody would obey, an option by its name."""
    route: APIRoute = request.scope["route"]
    known = [one.alias for one in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            told = f"Leave it out, or give {' or '.join(known)}." if known else "Leave it out: there are none here."
            raise ApiError(
                400, "invalid_request", f'"{name[:100]}" is refused: it is not known here.', told, param=name
            )
    if request.method != "GET" and not route.dependant.body_params and route.dependant.request_param_name is None:
        try:
            body = await request.body()
        except ClientDisconnect:
            raise ApiError(400, "bad_request", "The body ended before its end.") from None
        if body.strip() not in NOTHING:
            raise ApiError(400, "invalid_request", "A body is refused here: nobody would read it.", "Leave it out.")
