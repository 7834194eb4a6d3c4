"""Probed: the answer to whoever asks whether the process is alive, before any route is looked for.

Load balancers ask every second, and a stranger as often as the machine takes: no search for a route, no parameters.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.service.middleware.prefix import below

ALIVE = "/healthz"
_BODY = b'{"status":"alive"}'
_HEADERS = [(b"content-length", str(len(_BODY)).encode()), (b"content-type", b"application/json")]


def probed(app: ASGIApp, route: object) -> ASGIApp:
    """An application that is asked all but this; `route`: what such a request is counted as."""

    async def probe(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or below(scope) != ALIVE:
            await app(scope, receive, send)
            return
        scope["route"] = route
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await send({"type": "http.response.body", "body": _BODY})

    return probe
