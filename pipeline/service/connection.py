"""Connection: uvicorn's, but one that leaves what was sent unread, does not finish what it begins, sends more around
its requests than in them, or asks all at once, is cut off. There are so many at most: the one that has asked nothing
for longest makes room. One that sends too much is read no more, and stands for a while before it is cut off: whoever
does that with a thousand connections would otherwise have a thousand new ones at once, again and again.

Knows sockets; nothing of what is asked. An event stream needs no buffer of its own: the journal is read on only as fast
as a client reads, so that a slow one costs the socket's buffers, and a stuck one those for a limited time.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct

from models.interfaces import UVICORN

MOST_PIPELINED = 16
"""Requests that may be sent before the answer to the first: uvicorn would take any number, and has them all wait."""
RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: wait no second for what is unsent."""
HEAD_BYTES = 64 * 1024
"""Of a request's line and headers, of a chunk's extension, of trailers: uvicorn would keep any number of them."""
MOST_FIELDS = 100
"""Of a head, or of trailers: each costs more than its bytes."""
STANDING_SECONDS = 5.0
"""For which a connection is kept on which too much was sent."""
UNREAD_BYTES = 128 * 1024
"""Of the kernel's buffer for what a client has not read."""


SPARE_FILES = 128
"""Files and sockets that are not connections of clients: the journal, an index, runs that are read, engines."""
MOST_FILES = 65_536
"""Open files that are asked for: what connections take, and no table of a million of them in every process we start."""


class TooMuch(ValueError):
    """A client sends requests without waiting for answers, or headers without an end."""


def raise_open_files() -> int:
    """Raise the soft limit of open files as far as it may be; how many connections there is room for then.

    Most systems begin at 1,024, which a thousand clients that wait use up, and with it every file and probe.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    most = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(most - SPARE_FILES, most // 2)


def patient(seconds: float, most: int) -> type[asyncio.Protocol]:
    """A connection class for uvicorn that waits so long for a client that does not read, or does not ask.

    `most`: connections at once.

    Raises UnfitPackage for a uvicorn that makes its connections otherwise.
    """
    UVICORN.check()  # before what may be missing is imported

    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    idle: dict[Connection, None] = {}
    """Those with nothing asked and unanswered, the one that has been so for longest first."""

    class Connection(HttpToolsProtocol):
        _timers: dict[str, asyncio.TimerHandle]
        _head = True
        """Whether a request's head is awaited, or on its way."""
        _begun = False
        _around = 0
        """Bytes since the last that belonged to a body, or that ended a head or a request."""
        _fields = 0
        """Bytes of the fields of a head, or of trailers."""
        _lines = 0
        """How many fields these are."""
        _refused = False
        """Whether nothing is read any more."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._timers = {}
            self._wait("head")
            idle[self] = None
            if len(self.connections) > most:
                next(iter(idle))._cut_off()

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            self._around += len(data)
            super().data_received(data)
            if self.transport.is_closing() or self._refused:
                return
            if self._around > HEAD_BYTES:
                self._stand()
            elif self._head and (self._begun or self._answered()):
                self._wait("head")

        def on_message_begin(self) -> None:
            self._begun, self._fields, self._lines = True, 0, 0
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            self._fields += len(name) + len(value)
            self._lines += 1
            if self._fields > HEAD_BYTES or self._lines > MOST_FIELDS:
                self._stand()
                raise TooMuch  # leaves the parser, and what it still has
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._head, self._around, self._fields, self._lines = False, 0, 0, 0
            self._go_on("head")
            idle.pop(self, None)
            if len(self.pipeline) >= MOST_PIPELINED:
                self._cut_off()
                raise TooMuch
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._around = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._head, self._begun, self._around = True, False, 0
            self._go_on("rest")
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._head:
                self._wait("rest")  # of a body that nobody reads any more
            if not self.pipeline and self._answered():
                idle[self] = None
            if self._refused:
                self.flow.pause_reading()  # the end of an answer has it read on

        def send_400_response(self, msg: str) -> None:
            if not self._refused:
                super().send_400_response(msg)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._wait("unread")

        def resume_writing(self) -> None:
            self._go_on("unread")
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            for what in list(self._timers):
                self._go_on(what)
            idle.pop(self, None)
            super().connection_lost(exc)

        def _answered(self) -> bool:
            """Whether nothing that was asked is still to be answered."""
            return self.cycle is None or self.cycle.response_complete

        def _wait(self, what: str, patience: float = seconds) -> None:
            if what not in self._timers:
                self._timers[what] = self.loop.call_later(patience, self._cut_off)

        def _go_on(self, what: str) -> None:
            timer = self._timers.pop(what, None)
            if timer is not None:
                timer.cancel()

        def _stand(self) -> None:
            """Read no more, and cut it off in a while."""
            self._refused = True
            self.flow.pause_reading()
            self._wait("standing", min(seconds, STANDING_SECONDS))

        def _cut_off(self) -> None:
            idle.pop(self, None)
            # With a reset, and without what is unsent: the kernel would otherwise keep that for minutes.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()

    return Connection
