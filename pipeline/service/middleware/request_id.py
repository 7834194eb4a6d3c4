"""Request id: what a request is called in the log, in its answer (X-Request-Id), and by the proxy that named it."""

from __future__ import annotations

import logging
import re
import secrets
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
FORMAT = "%(asctime)s %(levelname)s [%(request)s] %(message)s"
"""Of a line of the log: day and time, and the request at work, "-" for none."""

_REQUEST: ContextVar[str] = ContextVar("request", default="-")
_FIT = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def named(app: ASGIApp) -> ASGIApp:
    """An application each of whose requests has an id: the one it came with, if that is fit for a log, or a new one."""

    async def name(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request = given if _FIT.fullmatch(given) else secrets.token_hex(8)
        _REQUEST.set(request)  # of this request's task, and of what it starts

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request
            await send(message)

        await app(scope, receive, tell)

    return name


def tag(record: logging.LogRecord) -> bool:
    """A filter of a log's handler: gives every line its request."""
    record.request = _REQUEST.get()
    return True
