"""Body: what a client sends with a request, as it arrives: not too much of it, and not too slowly. Pure ASGI.

Slowly is a piece that takes too long, and many small pieces as well: a byte every half minute would last for a year.
"""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from pipeline.service.errors import ApiError

LEAST_RATE = 1_024
"""Bytes a second of a body, beyond what the first piece may take."""
LINGER_SECONDS = 5.0
LINGER_BYTES = 32 << 20
"""How long, and how much, is read on from a client that is told it sent too much, so that it can read that."""


class Body:
    """A request's body as it arrives; once it is too much or too slow there is an `error`, whatever a route does."""

    def __init__(self, receive: Receive, headers: Headers, most: int, seconds: float) -> None:
        self.answered = False
        self.error: ApiError | None = None
        self._receive = receive
        self._sending = is_sending(headers)
        self._most = most
        self._seconds = seconds
        self._bytes = 0
        self._began = time.monotonic()
        self._complete = False

    async def receive(self) -> Message:
        """The next message. ApiError 413 or 408."""
        if self._complete:
            return await self._receive()
        try:
            left = self._seconds + self._bytes / LEAST_RATE - (time.monotonic() - self._began)
            async with asyncio.timeout(min(self._seconds, max(left, 0.0))):
                message = await self._receive()
        except TimeoutError:
            self.error = ApiError(408, "timeout", f"The body did not arrive within {self._seconds:g} s.")
            raise self.error from None
        self._bytes += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._bytes > self._most:
            self.error = too_large(self._most)
            raise self.error
        return message

    def watched(self, send: Send) -> Send:
        """The way out; notices when the answer begins, and lets none pass once there is an error."""

        async def watch(message: Message) -> None:
            if self.error is not None and not self.answered:
                return
            self.answered = True
            if message["type"] == "http.response.start" and self._sending and not self._complete:
                # What is still to come is not waited for: a client must not send its next request on this connection.
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return watch


def too_large(most: int) -> ApiError:
    """The body has more bytes than are taken."""
    return ApiError(413, "too_large", f"The body is larger than {most:,} bytes.", "Send less at once.")


def is_sending(headers: Headers) -> bool:
    """Whether a request has a body."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, then read on for a moment: whoever is still sending would otherwise never see the answer."""
    response = error.response(str(scope["path"]))
    response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    left, more = LINGER_BYTES, is_sending(Headers(scope=scope))
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
