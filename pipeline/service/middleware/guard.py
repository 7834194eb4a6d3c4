"""Guard: what every request passes before a route sees it: who it is from, where from, how often, and how big.

Pure ASGI, so that streams are not buffered. Knows headers; does not know what routes do.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.service.errors import ApiError, overloaded
from pipeline.service.limits import Buckets, Limits
from pipeline.service.middleware.body import Body, refuse, too_large
from pipeline.service.middleware.prefix import below
from pipeline.service.tokens import Tokens, is_loopback

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OPEN = ("/", "/app", "/healthz", "/readyz")
"""Paths that need no token; besides them the page's files, below /web/."""
PROXIED = "Behind a proxy, let it pass on the Host header as it came (docs/serve.md)."
UPLOADS = ("/runs", "/v1/files")
"""Paths whose bodies are uploads."""


class Guard:
    """Around the whole application. Puts the `Caller` into the request's state."""

    def __init__(self, app: ASGIApp, tokens: Tokens, limits: Limits) -> None:
        self._app = app
        self._tokens = tokens
        self._limits = limits
        self._buckets = Buckets(limits.rate, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = _secured(send)
        headers, path = Headers(scope=scope), below(scope)
        most = self._limits.upload if path in UPLOADS else self._limits.body
        try:
            self._check_origin(scope, headers)
            caller = self._tokens.caller(headers.get("authorization"))
            self._check_rate(scope, path, caller.owner if caller else "")
            if caller is None and not is_open(path):
                raise ApiError(
                    401,
                    "unauthorized",
                    "A token is needed, and none that is known was sent.",
                    "Send it as 'Authorization: Bearer TOKEN'.",
                    {"WWW-Authenticate": 'Bearer realm="interlock"'},
                )
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > most:
                raise too_large(most)
        except ApiError as error:
            await refuse(error, scope, receive, reply)
            return
        scope.setdefault("state", {})["caller"] = caller
        body = Body(receive, headers, most, self._limits.body_seconds)
        try:
            await self._app(scope, body.receive, body.watched(reply))
        except ApiError:
            if body.error is None or body.answered:
                raise
        if body.error is not None and not body.answered:
            await refuse(body.error, scope, receive, reply)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Keep other sites' pages, which share the user's browser, from speaking for the user."""
        host = headers.get("host", "")
        if not self._tokens and not is_loopback(_name(host)):  # a name that was bent to point here
            raise ApiError(403, "forbidden", f"'{host[:100]}' is not this machine.", "Ask for localhost or 127.0.0.1.")
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in ("GET", "HEAD") and urlsplit(origin).netloc != host:
            raise ApiError(403, "forbidden", "Pages of other sites may not send anything here.", PROXIED)

    def _check_rate(self, scope: Scope, path: str, owner: str) -> None:
        if path in ("/", "/healthz", "/readyz") or path.startswith("/web/"):
            return
        wait = self._buckets.take(owner or str((scope.get("client") or ("",))[0]))
        if wait:
            raise overloaded("You send more requests than are taken from one client.", wait)


def is_open(path: str, paths: Collection[str] = OPEN) -> bool:
    """Whether a path needs no token."""
    return path in paths or path.startswith("/web/")


def _secured(send: Send) -> Send:
    async def secure(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers[name] = value
        await send(message)

    return secure


def _name(host: str) -> str:
    """A Host header without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
