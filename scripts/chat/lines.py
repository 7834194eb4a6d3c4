"""Lines: what a person types, line by line, without keeping the event loop or the end of the process waiting."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading


class Lines:
    """The lines of a file descriptor, standard input by default; make it inside the event loop.

    A thread reads the descriptor itself: one that is blocked in `sys.stdin` would hold its lock when the process ends.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    async def next(self) -> str | None:
        """The next line without its end; None when there are no more."""
        return await self._queue.get()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        left = ""
        while True:
            try:
                data = os.read(self._descriptor, 65_536)
            except OSError:  # the terminal is gone
                data = b""
            *lines, left = (left + decoder.decode(data, final=not data)).split("\n")
            try:
                for line in [*lines, *([left] if not data and left else [])]:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, line.rstrip("\r"))
                if not data:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
                    return
            except RuntimeError:  # the loop is closed: nobody reads any more
                return
