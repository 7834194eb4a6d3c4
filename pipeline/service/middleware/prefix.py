"""Prefix: a service below a path of a host that it shares. Pure ASGI.

Proxies may strip that path or pass it on; both are taken.
"""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.errors import UsageError

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
OWN = (
    *("app", "approvals", "conversations", "desk", "escalations", "healthz", "index", "inside", "metrics"),
    *("openapi.json", "passages", "readyz", "runs", "v1", "web"),
)
"""How the service's own paths begin. No prefix does: of "/desk/…" nobody could tell whether a proxy has stripped it."""


def prefix_of(text: str) -> str:
    """A path such as "/help", without a slash at its end; "" for none. UsageError for anything else."""
    prefix = text.rstrip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/")):
        raise UsageError(f"--root-path '{text}' is no path: write it as /help.")
    if prefix.split("/")[1:2] and prefix.split("/")[1] in OWN:
        raise UsageError(
            f"--root-path '{text}' begins as addresses of the service itself do: take another one, such as /help."
        )
    return prefix


def below(scope: Scope) -> str:
    """The path of a request below the prefix."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def rooted(app: ASGIApp, prefix: str) -> ASGIApp:
    """An application that is asked for below `prefix`, by its own paths or with the prefix before them."""
    if not prefix:
        return app

    async def root(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = str(scope["path"])
            if path == prefix:  # the page's own addresses are relative, and would miss its folder
                await RedirectResponse(f"{prefix}/")(scope, receive, send)
                return
            whole = path if path.startswith(f"{prefix}/") else prefix + path
            scope = {**scope, "path": whole, "raw_path": whole.encode(), "root_path": prefix}
        await app(scope, receive, send)

    return root
