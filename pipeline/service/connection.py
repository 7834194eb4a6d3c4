"""Connection: uvicorn's, but one that leaves what was sent unread, asks nothing, or asks all at once, is cut off.

Knows sockets; nothing of what is asked. An event stream needs no buffer of its own: the journal is read on only as fast
as a client reads, so that a slow one costs the socket's buffers, and a stuck one those for a limited time.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from models.interfaces import UVICORN

MOST_PIPELINED = 16
"""Requests that may be sent before the answer to the first: uvicorn would take any number, and has them all wait."""
RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: wait no second for what is unsent."""
UNREAD_BYTES = 128 * 1024
"""Of the kernel's buffer for what a client has not read."""


class TooManyAtOnce(ValueError):
    """A client sends requests without waiting for answers."""


def patient(seconds: float) -> type[asyncio.Protocol]:
    """A connection class for uvicorn that waits so long for a client that does not read, or does not ask.

    Raises UnfitPackage for a uvicorn that makes its connections otherwise.
    """
    UVICORN.check()  # before what may be missing is imported

    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Connection(HttpToolsProtocol):
        _timers: dict[str, asyncio.TimerHandle]

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._timers = {}
            self._wait("first")

        def on_headers_complete(self) -> None:
            self._go_on("first")
            if len(self.pipeline) >= MOST_PIPELINED:
                self._cut_off()
                raise TooManyAtOnce
            super().on_headers_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._wait("unread")

        def resume_writing(self) -> None:
            self._go_on("unread")
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            for what in list(self._timers):
                self._go_on(what)
            super().connection_lost(exc)

        def _wait(self, what: str) -> None:
            self._timers[what] = self.loop.call_later(seconds, self._cut_off)

        def _go_on(self, what: str) -> None:
            timer = self._timers.pop(what, None)
            if timer is not None:
                timer.cancel()

        def _cut_off(self) -> None:
            # With a reset, and without what is unsent: the kernel would otherwise keep that for minutes.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()

    return Connection
