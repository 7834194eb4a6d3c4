"""Headed: HEAD is answered as GET is, without the body, on every path that GET is known on. Pure ASGI.

A stream of events would not end by itself: it is over with its headers.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def headed(app: ASGIApp) -> ASGIApp:
    """An application that knows GET, and from now on HEAD."""

    async def head(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        asked = {**scope, "method": "GET"}

        async def begin(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["route"] = asked.get("route")  # by which it is counted
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await app(asked, receive, begin)

    return head
